"""GET /healthz, GET of a process and small POSTs, beside libmicrohttpd that does nothing else."""

from harness.servers import Bare, Service


def measure(bench):
    with Service(bench) as service:
        compare(bench, "GET /healthz", service, service.request("GET", "/healthz"), 15, at_most=1.15)
        service.create("processes", "one", command=["sleep", "1000"])
        path = "/v1/processes/one"
        compare(
            bench, "GET /v1/processes/{name}", service, service.request("GET", path), size(service, "GET", path),
            at_most=2.0)
        path += "/alarm"
        compare(
            bench, "POST …/alarm, audited", service, service.request("POST", path, '{"seconds":0}'),
            size(service, "POST", path, {"seconds": 0}))
        service.create("processes", "two", command=["true"])
        path = "/v1/processes/two/join"
        compare(bench, "POST …/join, has ended", service, service.request("POST", path), size(service, "POST", path))


def size(service, *request):
    return len(service.call(*request)[1])


def compare(bench, figure, service, file, size, at_most=None):
    """CPU per request twice: as fast as the server can, where the slower one also pays for waking a client that sleeps,
    and at an equal rate."""
    connections, pace = bench.options.connections, bench.options.pace
    with Bare(bench, size) as bare:
        rounds = bench.rounds({
            "peer": lambda: bench.load(bare, connections, file),
            "ours": lambda: bench.load(service, connections, file),
            "peer paced": lambda: bench.load(bare, connections, file, pace=pace),
            "ours paced": lambda: bench.load(service, connections, file, pace=pace),
        })
    bench.report.add(figure, "requests/s", rounds.median("ours", "rate"), rounds.median("peer", "rate"))
    for kind, at in (("", ""), (" paced", f" at {pace:,}/s")):
        ours, peer = "ours" + kind, "peer" + kind
        bench.report.add(
            figure, f"us CPU/request{at}", rounds.median(ours, "cpu") * 1e6, rounds.median(peer, "cpu") * 1e6,
            rounds.ratio(ours, peer, "cpu"), at_most=at_most)
