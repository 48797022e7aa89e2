"""From a put to the answer of the get that waits for it, alone and among thousands, beside Redis's LPUSH and BLPOP."""

from typing import NamedTuple

from harness.servers import Redis, Service
from topics.queues import MESSAGE

# How many wait on the queue that is measured, how many on other queues, and how often Redis's median it may take.
SETTINGS = [(1, 0, 1.5), (1, 1_000, None), (1, 10_000, 2.0), (1_000, 0, None), (10_000, 0, 2.0)]


class Latency(NamedTuple):
    p50: float
    p99: float
    unfair: int


def measure(bench):
    with Service(bench) as service, Redis(bench) as redis:
        service.create("queues", "q", *(f"q{number:05}" for number in range(max(others for _, others, _ in SETTINGS))))
        ours = [
            service.request("POST", "/v1/queues/q/get"),
            service.request("POST", "/v1/queues/q/put", MESSAGE, "text/plain"),
            service.request("POST", "/v1/queues/q@@@@@/get"),
        ]
        theirs = [
            redis.request("BLPOP", "q", "0"),
            redis.request("LPUSH", "q", MESSAGE),
            redis.request("BLPOP", "q@@@@@", "0"),
        ]
        for waiting, others, limit in SETTINGS:
            rounds = bench.rounds({
                "ours": lambda: take(bench, service, waiting, others, ours),
                "peer": lambda: take(bench, redis, waiting, others, theirs),
            })
            add(bench, waiting, others, rounds, limit)


def take(bench, server, waiting, others, files):
    samples = max(int(bench.options.seconds * 500), 1)
    program = bench.start("handover", server.address, samples, waiting, others, *files)
    try:
        program.stdout.readline()
        server.await_waiters(waiting + others)
        answer, _ = program.communicate("go\n", timeout=300)
    finally:
        program.kill()
        program.wait()
    # They hang up together: the next must not be measured while the server clears up after them.
    server.await_waiters(0)
    if program.returncode != 0:
        raise RuntimeError("the hand-over failed")
    p50, p99, unfair = answer.split()
    return Latency(float(p50), float(p99), int(unfair))


def add(bench, waiting, others, rounds, limit):
    figure = f"hand-over, {waiting:,} waiting" + (f", {others:,} on other queues" if others else "")
    for percentile, at_most in (("p50", limit), ("p99", None)):
        bench.report.add(
            f"{figure}: {percentile}", "us", rounds.median("ours", percentile) * 1e6,
            rounds.median("peer", percentile) * 1e6, rounds.ratio("ours", "peer", percentile), at_most=at_most)
    if waiting > 1:
        bench.report.add(f"{figure}: answered out of turn", "answers", max(rounds.of("ours", "unfair")), at_most=0)
