"""Messages put and got over HTTP, beside the requests of bare libmicrohttpd and Redis's LPUSH and RPOP."""

import csv
import subprocess

from harness.bench import Load
from harness.machine import cpu_seconds
from harness.servers import Bare, Redis, Service

MESSAGE = "x" * 100


def measure(bench):
    with Service(bench) as service, Bare(bench, len(MESSAGE), put=True) as bare, Redis(bench) as redis:
        service.create("queues", "q")
        # The same requests for both, so that both read as much.
        over_http = [
            service.request("POST", "/v1/queues/q/put", MESSAGE, "text/plain"),
            service.request("POST", "/v1/queues/q/get"),
        ]
        commands = [redis.request("LPUSH", "q", MESSAGE), redis.request("RPOP", "q")]
        for connections in (1, 16, 64):
            compare(bench, connections, service, bare, redis, over_http, commands)
        at_equal_rate(bench, service, bare, redis, over_http, commands)


def compare(bench, connections, service, bare, redis, over_http, commands):
    rounds = bench.rounds({
        "us": lambda: bench.load(service, connections, *over_http),
        "bare": lambda: bench.load(bare, connections, *over_http),
        "Redis, same client": lambda: bench.load(redis, connections, *commands),
        "redis-benchmark": lambda: redis_benchmark(bench, redis, connections),
    })
    figure = f"put+get, {connections} connection{'s' if connections > 1 else ''}, beside "
    for peer, limit in (("bare", 0.9), ("redis-benchmark", 1.0), ("Redis, same client", None)):
        bench.report.add(
            figure + peer, "requests/s", rounds.median("us", "rate"), rounds.median(peer, "rate"),
            rounds.ratio("us", peer, "rate"), at_least=limit if connections == 16 else None)
    add_cpu(bench, rounds, figure, "us CPU/request")


def at_equal_rate(bench, service, bare, redis, over_http, commands):
    connections, pace = bench.options.connections, bench.options.pace
    rounds = bench.rounds({
        "us": lambda: bench.load(service, connections, *over_http, pace=pace),
        "bare": lambda: bench.load(bare, connections, *over_http, pace=pace),
        "Redis, same client": lambda: bench.load(redis, connections, *commands, pace=pace),
    })
    add_cpu(bench, rounds, f"put+get, {connections} connections, beside ", f"us CPU/request at {pace:,}/s")


def add_cpu(bench, rounds, figure, unit):
    for peer in ("bare", "Redis, same client"):
        bench.report.add(
            figure + peer, unit, rounds.median("us", "cpu") * 1e6, rounds.median(peer, "cpu") * 1e6,
            rounds.ratio("us", peer, "cpu"))


def redis_benchmark(bench, redis, connections):
    """Of as many LPUSH as RPOP."""
    # It counts requests, not seconds: so many take about the time of the others.
    count = int(bench.options.seconds * (5_000 if connections == 1 else 30_000))
    before = cpu_seconds(redis.pid)
    done = subprocess.run(
        ["redis-benchmark", "-p", str(redis.address), "-t", "lpush,rpop", "-c", str(connections), "-P", "1",
         "-n", str(count), "-d", str(len(MESSAGE)), "--csv"], stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    rates = [float(row["rps"]) for row in csv.DictReader(done.stdout.splitlines())]
    return Load(len(rates) / sum(1 / rate for rate in rates), (cpu_seconds(redis.pid) - before) / count / len(rates))
