"""A queue of a million messages: the memory of each, and put and get beside an empty queue."""

import json
from typing import NamedTuple

from harness.machine import resident_bytes
from harness.servers import Service
from topics.queues import MESSAGE

TYPE = "text/plain"
# Put one after the other, and then got again, so that the depth stays about what it is.
SPAN = 50_000


class Rates(NamedTuple):
    put: float
    get: float


def measure(bench):
    count = bench.options.messages
    figure = f"queue of {count:,} messages"
    memory = bench.rounds({"beyond": lambda: memory_each(bench, count)})
    bench.report.add(f"{figure}: beyond payload and type", "bytes each", memory.median("beyond"), at_most=64)

    # Two daemons, so that the empty queue's memory is as small as itself.
    with Service(bench) as deep, Service(bench) as empty:
        fill(bench, deep, count)
        fill(bench, empty, 0)
        rounds = bench.rounds({"deep": lambda: put_and_get(bench, deep), "empty": lambda: put_and_get(bench, empty)})
        expect(deep, count)
    for verb in ("put", "get"):
        bench.report.add(
            f"{figure}: {verb}, beside an empty queue", "requests/s", rounds.median("deep", verb),
            rounds.median("empty", verb), rounds.ratio("deep", "empty", verb), at_least=0.9)


def memory_each(bench, count):
    with Service(bench) as service:
        return fill(bench, service, count) / count - len(MESSAGE) - len(TYPE)


def fill(bench, service, count):
    """By one put for each message; returns the bytes by which the daemon has grown."""
    service.create("queues", "q")
    bench.send(service, 16, 1000, put(service), get(service))
    before = resident_bytes(service.pid)
    if count > 0:
        bench.send(service, 16, count, put(service))
    expect(service, count)
    return resident_bytes(service.pid) - before


def put_and_get(bench, service):
    return Rates(bench.send(service, 16, SPAN, put(service)), bench.send(service, 16, SPAN, get(service)))


def put(service):
    return service.request("POST", "/v1/queues/q/put", MESSAGE, TYPE)


def get(service):
    return service.request("POST", "/v1/queues/q/get")


def expect(service, count):
    size = json.loads(service.call("GET", "/v1/queues/q")[1])["qsize"]
    if size != count:
        raise RuntimeError(f"{size} messages are in the queue, not {count}")
