"""Starting and joining /bin/true, in the core and over HTTP, beside posix_spawn in C."""

from harness.servers import Service

PLAIN = "posix_spawn in C"


def measure(bench):
    with Service(bench) as service:
        template = '{"name":"p@@@@@@@@@@@@","command":["/bin/true"],"stdout":"null","stderr":"null"}'
        files = [
            service.request("POST", "/v1/processes", template),
            service.request("POST", "/v1/processes/p@@@@@@@@@@@@/join"),
            service.request("DELETE", "/v1/processes/p@@@@@@@@@@@@"),
        ]
        over_http = lambda connections: bench.load(service, connections, *files).rate / len(files)
        rounds = bench.rounds({
            PLAIN: lambda: children(bench, "spawn_loop", 0),
            f"{PLAIN}, 1 GiB": lambda: children(bench, "spawn_loop", 1024),
            "core, no output": lambda: children(bench, bench.options.core, 0, "null"),
            "core, output captured": lambda: children(bench, bench.options.core, 0, "capture"),
            "core, no output, 1 GiB": lambda: children(bench, bench.options.core, 1024, "null"),
            "HTTP, 1 connection": lambda: over_http(1),
            "HTTP, 4 connections": lambda: over_http(4),
        })

    def compare(name, peer=PLAIN, at_least=None):
        bench.report.add(
            f"spawn and join: {name}", "children/s", rounds.median(name), rounds.median(peer), rounds.ratio(name, peer),
            at_least=at_least)

    compare("core, no output", at_least=0.8)
    compare("core, output captured")
    compare("core, no output, 1 GiB", peer="core, no output", at_least=0.9)
    compare(f"{PLAIN}, 1 GiB")
    compare("HTTP, 1 connection")
    compare("HTTP, 4 connections")


def children(bench, program, *arguments):
    count, seconds, *_ = bench.run(program, bench.options.seconds, *arguments)
    return int(count) / float(seconds)
