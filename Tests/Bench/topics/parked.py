"""Many clients that wait, in join and in get: the memory of each, and the time until all are answered."""

from typing import NamedTuple

from harness.machine import resident_bytes
from harness.report import NEVER
from harness.servers import Service


class Wait(NamedTuple):
    bytes_each: float
    to_first: float
    to_last: float


def measure(bench):
    count = bench.options.clients
    rounds = bench.rounds({"join": lambda: in_join(bench, count), "get": lambda: in_get(bench, count)})
    for verb, end, limit in (("join", "the kill", 8192), ("get", f"one put of {count} messages", 6144)):
        add = bench.report.add
        add(f"{count} parked in {verb}", "bytes each", rounds.median(verb, "bytes_each"), at_most=limit)
        add(f"from {end} to the first answer", "s", rounds.median(verb, "to_first"))
        limit = 1 if verb == "join" else None
        add(f"from {end} to all {count} answers", "s", rounds.median(verb, "to_last"), at_most=limit)


def in_join(bench, count):
    with Service(bench) as service:
        service.create("processes", "one", command=["sleep", "1000"])
        return park(
            bench, service, count, service.request("POST", "/v1/processes/one/join"),
            service.request("POST", "/v1/processes/one/kill"))


def in_get(bench, count):
    with Service(bench) as service:
        service.create("queues", "one")
        batch = service.request("POST", "/v1/queues/one/put", "0\n" * count, "application/x-ndjson")
        return park(bench, service, count, service.request("POST", "/v1/queues/one/get"), batch)


def park(bench, service, count, request, trigger):
    """In a daemon of its own for each sample: memory that was used once may not grow again."""
    bench.load(service, 16, service.request("GET", "/healthz"))
    before = resident_bytes(service.pid)
    load = bench.start("load", "park", service.address, count, request, trigger)
    try:
        load.stdout.readline()
        service.await_waiters(count)
        bytes_each = (resident_bytes(service.pid) - before) / count
        answer, _ = load.communicate("go\n", timeout=60)
    finally:
        load.kill()
        load.wait()
    answered, failures, to_first, to_last = answer.split()
    if int(answered) != count or int(failures):
        return Wait(bytes_each, NEVER, NEVER)
    return Wait(bytes_each, float(to_first), float(to_last))
