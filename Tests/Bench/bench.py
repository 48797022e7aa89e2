#!/usr/bin/env python3
"""Measures the service against the least that its work can cost: see --help.

What is compared is run in turn, round by round, so that a noisy machine is equally unfair to both; figures are medians of
the rounds. CPU per request is the server's user and system time over the requests that were answered: once as fast as the
server can, where the slower server also pays for waking a client that sleeps, and once at an equal rate.
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent / ".build"
NEVER = 1e9


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond: the ticks of /proc/PID/stat are too coarse for a second's work."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("a process without VmRSS")


class Child:
    """A program that runs for as long as the `with` block does; it is ended by its pid."""

    def __init__(self, arguments, log, **options):
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments], stdin=subprocess.DEVNULL, stderr=log, text=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bare(Child):
    """The C program that answers every request with a body of `size` bytes."""

    def __init__(self, bench, size):
        self.port = free_port()
        super().__init__([bench.tools / "bare", self.port, size], bench.log, stdout=subprocess.PIPE)
        self.process.stdout.readline()


class Service(Child):
    """Our daemon, with a data folder of its own."""

    def __init__(self, bench, *options):
        self.bench = bench
        self.port = free_port()
        self.data = tempfile.mkdtemp(dir=bench.tools)
        super().__init__(
            [bench.binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--socket", "none", "--data", self.data,
             "--grace", "2", *options],
            bench.log, stdout=subprocess.PIPE)
        if not self.process.stdout.readline():
            raise RuntimeError("the service does not start")
        self.token = (pathlib.Path(self.data) / "token").read_text().strip()

    def call(self, method, path, document=None):
        """Returns the status and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}"}
        body = None
        if document is not None:
            body = json.dumps(document)
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, answer

    def create(self, name, command, **fields):
        status, body = self.call("POST", "/v1/processes", {"name": name, "command": command, **fields})
        if status != 201:
            raise RuntimeError(f"a process was not made: {status} {body}")

    def delete(self, name):
        self.call("POST", f"/v1/processes/{name}/kill")
        self.call("POST", f"/v1/processes/{name}/join?timeout=10")
        self.call("DELETE", f"/v1/processes/{name}")

    def request(self, method, path, body=None):
        """A file with the request's bytes, for the load generator."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if path != "/healthz":
            head += f"Authorization: Bearer {self.token}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        elif method == "POST":
            head += "Content-Length: 0\r\n"
        fd, file = tempfile.mkstemp(dir=self.data)
        os.write(fd, (head + "\r\n" + (body or "")).encode())
        os.close(fd)
        return file


class Bench:
    def __init__(self, options, tools, log):
        self.options, self.tools, self.log = options, tools, log
        self.binary = pathlib.Path(options.binary)
        self.core = BUILD / "release" / "CoreBench"
        self.rows = []

    def row(self, figure, unit, peer, ours, target=None, is_met=None, ratio=None):
        """Adds a line to the table. `target` is a limit in words, `is_met` whether it was kept."""
        if ratio is None and peer and ours is not None:
            ratio = ours / peer
        self.rows.append((figure, unit, peer, ours, ratio, target, is_met))
        print(f"  {line(self.rows[-1])}", flush=True)

    def tool(self, *arguments, **options):
        done = subprocess.run(
            [str(argument) for argument in arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=120, **options)
        return done.stdout.split()

    def rate(self, pid, port, connections, *files, pace=None):
        """Requests per second and CPU seconds per request; `pace` is a rate to keep to."""
        before = cpu_seconds(pid)
        mode = ["rate", port, connections, self.options.seconds] if pace is None else [
            "pace", port, connections, self.options.seconds, pace]
        count, failures, seconds = self.tool(self.tools / "load", *mode, *files)
        used = cpu_seconds(pid) - before
        if int(failures):
            raise RuntimeError(f"{failures} of {count} requests failed")
        return int(count) / float(seconds), used / int(count)

    # Each of these is one --only NAME.

    def healthz(self):
        """GET /healthz"""
        with Service(self) as service:
            self.compare("GET /healthz", service, service.request("GET", "/healthz"), 15, 1.15)

    def get(self):
        """GET of one process, with the token"""
        with Service(self) as service:
            service.create("one", ["sleep", "1000"])
            size = len(service.call("GET", "/v1/processes/one")[1])
            file = service.request("GET", "/v1/processes/one")
            self.compare("GET /v1/processes/{name}", service, file, size, 2.0)

    def post(self):
        """small POSTs, with the token"""
        with Service(self) as service:
            service.create("one", ["sleep", "1000"])
            body = '{"seconds":0}'
            size = len(service.call("POST", "/v1/processes/one/alarm", {"seconds": 0})[1])
            file = service.request("POST", "/v1/processes/one/alarm", body)
            self.compare("POST …/alarm, audited", service, file, size)
            service.create("two", ["true"])
            size = len(service.call("POST", "/v1/processes/two/join")[1])
            self.compare("POST …/join, has ended", service, service.request("POST", "/v1/processes/two/join"), size)

    def compare(self, figure, service, file, size, limit=None):
        figures = {"peer": [], "ours": [], "peer paced": [], "ours paced": []}
        connections = self.options.connections
        with Bare(self, size) as bare:
            for _ in range(self.options.rounds):
                for suffix, pace in (("", None), (" paced", self.options.pace)):
                    for side, server in (("peer", bare), ("ours", service)):
                        figures[side + suffix].append(
                            self.rate(server.process.pid, server.port, connections, file, pace=pace))
        pick = lambda side, index: statistics.median(sample[index] for sample in figures[side])
        self.row(figure, "requests/s", pick("peer", 0), pick("ours", 0))
        for suffix, at in (("", ""), (" paced", f" at {self.options.pace:,}/s")):
            # Of each round, then the median: what disturbs a round disturbs both.
            pairs = zip(figures["peer" + suffix], figures["ours" + suffix])
            ratio = statistics.median(ours[1] / peer[1] for peer, ours in pairs)
            self.row(
                figure, f"us CPU/request{at}", pick("peer" + suffix, 1) * 1e6, pick("ours" + suffix, 1) * 1e6,
                limit and f"<= {limit}x", limit and ratio <= limit, ratio)

    def spawn(self):
        """start and join /bin/true, in the core and over HTTP"""
        kinds = {
            "posix_spawn in C": [self.tools / "spawn_loop", self.options.seconds, 0],
            "posix_spawn in C, 1 GiB": [self.tools / "spawn_loop", self.options.seconds, 1024],
            "core, no output": [self.core, self.options.seconds, 0, "null"],
            "core, output captured": [self.core, self.options.seconds, 0, "capture"],
            "core, no output, 1 GiB": [self.core, self.options.seconds, 1024, "null"],
        }
        rates = {name: [] for name in kinds}
        rates |= {"HTTP, 1 connection": [], "HTTP, 4 connections": []}
        with Service(self) as service:
            template = '{"name":"p@@@@@@@@@@@@","command":["/bin/true"],"stdout":"null","stderr":"null"}'
            files = [
                service.request("POST", "/v1/processes", template),
                service.request("POST", "/v1/processes/p@@@@@@@@@@@@/join"),
                service.request("DELETE", "/v1/processes/p@@@@@@@@@@@@"),
            ]
            for _ in range(self.options.rounds):
                for name, command in kinds.items():
                    children, seconds, *_ = self.tool(*command)
                    rates[name].append(int(children) / float(seconds))
                for connections in (1, 4):
                    name = f"HTTP, {connections} connection{'s' if connections > 1 else ''}"
                    rate, _ = self.rate(service.process.pid, service.port, connections, *files)
                    rates[name].append(rate / len(files))
        of = lambda name: statistics.median(rates[name])
        peer = of("posix_spawn in C")

        def compare(name, base="posix_spawn in C", limit=None):
            ratio = statistics.median(a / b for a, b in zip(rates[name], rates[base]))
            self.row(
                f"spawn and join: {name}", "children/s", of(base), of(name), limit and f">= {limit}x",
                limit and ratio >= limit, ratio)

        compare("core, no output", limit=0.8)
        compare("core, output captured")
        compare("core, no output, 1 GiB", base="core, no output", limit=0.9)
        compare("posix_spawn in C, 1 GiB")
        compare("HTTP, 1 connection")
        compare("HTTP, 4 connections")

    def park(self):
        """clients that wait in join"""
        count = self.options.clients
        memory, first, last = [], [], []
        for _ in range(min(self.options.rounds, 3)):
            # A daemon for each round: memory that was used once may not grow again.
            with Service(self) as service:
                service.create("one", ["sleep", "1000"])
                pid = service.process.pid
                self.rate(pid, service.port, 16, service.request("GET", "/healthz"))
                before = resident_bytes(pid)
                files = [
                    service.request("POST", "/v1/processes/one/join"), service.request("POST", "/v1/processes/one/kill")]
                load = subprocess.Popen(
                    [self.tools / "load", "park", str(service.port), str(count), *files], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, text=True)
                try:
                    load.stdout.readline()
                    self.await_waiters(service, count)
                    memory.append((resident_bytes(pid) - before) / count)
                    answer, _ = load.communicate("go\n", timeout=60)
                finally:
                    load.kill()
                    load.wait()
                answered, failures, to_first, to_last = answer.split()
                is_whole = int(answered) == count and failures == "0"
                first.append(float(to_first) if is_whole else NEVER)
                last.append(float(to_last) if is_whole else NEVER)
        size = statistics.median(memory)
        self.row(f"{count} parked in join", "bytes each", None, size, "<= 8192", size <= 8192)
        self.row("from the kill to the first answer", "s", None, statistics.median(first))
        seconds = statistics.median(last)
        self.row(f"from the kill to all {count} answers", "s", None, seconds, "<= 1", seconds <= 1)

    def await_waiters(self, service, count):
        for _ in range(600):
            status, text = service.call("GET", "/metrics")
            for metric in text.decode().splitlines():
                if metric.startswith("procession_waiters ") and int(float(metric.split()[1])) >= count:
                    return
            time.sleep(0.1)
        raise RuntimeError("the clients are not parked")

    def output(self):
        """what a process writes, followed over HTTP"""
        size = self.options.megabytes * 1_000_000
        whole = ["sh", "-c", f"read line; exec head -c {size} /dev/zero"]
        pipe, kept, kept_state, cut, drained = [], [], [], [], []
        for _ in range(min(self.options.rounds, 3)):
            start = time.monotonic()
            subprocess.run(["sh", "-c", f"head -c {size} /dev/zero | cat >/dev/null"], check=True)
            pipe.append(size / (time.monotonic() - start) / 1e6)
            with Service(self, "--output-buffer", str(size)) as service:
                got, seconds, ending = self.follow(service, whole)
                kept.append(got / seconds / 1e6)
                kept_state.append(ending)
            with Service(self) as service:
                start = time.monotonic()
                got, _, ending = self.follow(service, whole)
                service.call("POST", "/v1/processes/writer/join?timeout=60")
                drained.append(size / (time.monotonic() - start) / 1e6)
                cut.append(min(got / size, 1) * 100)
        word = "whole" if set(kept_state) == {"whole"} else "cut"
        self.row(f"output followed, all of it kept ({word})", "MB/s", statistics.median(pipe), statistics.median(kept))
        self.row("output taken from the process, 1 MiB kept", "MB/s", statistics.median(pipe), statistics.median(drained))
        self.row("followed before it fell out, 1 MiB kept", "%", None, statistics.median(cut))

    def follow(self, service, command):
        service.create("writer", command, stdin="pipe")
        reader = service.request("GET", "/v1/processes/writer/output?follow=true")
        trigger = service.request("POST", "/v1/processes/writer/stdin?close=true", "\n")
        got, seconds, ending = self.tool(self.tools / "load", "stream", service.port, reader, trigger)
        return int(got), float(seconds), ending


NAMES = ["healthz", "get", "post", "spawn", "park", "output"]


def number(value):
    if value is None:
        return "-"
    if value >= NEVER:
        return "never"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def cells(row):
    figure, unit, peer, ours, ratio, target, is_met = row
    verdict = "" if is_met is None else "met" if is_met else "MISSED"
    return [
        f"{figure}, {unit}", number(peer), number(ours), "-" if ratio is None else f"{ratio:.2f}", target or "", verdict]


def line(row):
    figure, peer, ours, ratio, target, verdict = cells(row)
    return f"{figure}: {ours} (peer {peer}, ratio {ratio}) {target} {verdict}".rstrip()


def table(rows):
    lines = [["figure", "peer", "us", "ratio", "target", ""]] + [cells(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines)]
    for cells_of in lines:
        first, *rest = cells_of
        print(" | ".join([first.ljust(widths[0])] + [c.rjust(w) for c, w in zip(rest, widths[1:])]))


def machine():
    model = next(
        (text.split(":")[1].strip() for text in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
         if text.startswith("model name")), "unknown CPU")
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, {os.uname().sysname} {os.uname().release}, load {load:.1f} at the start"


def compile_tools(folder):
    flags = ["-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE"]
    for name, libraries in (("bare", ["-lmicrohttpd"]), ("spawn_loop", []), ("load", [])):
        source = HERE / f"{name}.c"
        subprocess.run(["cc", *flags, "-o", str(folder / name), str(source), *libraries], check=True)


def main():
    what = "; ".join(f"{name}: {getattr(Bench, name).__doc__}" for name in NAMES)
    parser = argparse.ArgumentParser(description="Measures the service against bare C programs.", epilog=what)
    parser.add_argument("--rounds", type=int, default=5, help="how often each figure is taken (5)")
    parser.add_argument("--seconds", type=float, default=2, help="how long each is measured in a round (2)")
    parser.add_argument("--only", action="append", choices=NAMES, help="measure this alone; may be repeated")
    parser.add_argument("--connections", type=int, default=16, help="of the load (16)")
    parser.add_argument("--pace", type=int, default=20_000, help="requests/s of the comparison at an equal rate (20000)")
    parser.add_argument("--clients", type=int, default=10_000, help="that wait in join (10000)")
    parser.add_argument("--megabytes", type=int, default=500, help="that a process writes (500)")
    parser.add_argument("--binary", default=BUILD / "release" / "procession", help="the service's program")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        compile_tools(folder)
        print(machine(), flush=True)
        with open(os.devnull, "w") as log:
            bench = Bench(options, folder, log)
            for name in options.only or NAMES:
                print(f"{name}: {getattr(Bench, name).__doc__}", flush=True)
                getattr(bench, name)()
        print()
        table(bench.rows)
    finally:
        shutil.rmtree(folder)
    is_missed = any(row[6] is False for row in bench.rows)
    sys.exit(1 if options.strict and is_missed else 0)


if __name__ == "__main__":
    main()
