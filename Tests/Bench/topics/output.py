"""What a process writes, taken from it and followed over HTTP, beside cat through a pipe."""

import statistics
import subprocess
import time

from harness.servers import Service


def measure(bench):
    size = bench.options.megabytes * 1_000_000
    endings = set()

    def through_pipe():
        start = time.monotonic()
        subprocess.run(["sh", "-c", f"head -c {size} /dev/zero | cat >/dev/null"], check=True)
        return size / (time.monotonic() - start) / 1e6

    def followed():
        with Service(bench, "--output-buffer", str(size)) as service:
            got, seconds, ending = follow(bench, service, size)
            endings.add(ending)
            return got / seconds / 1e6

    shares = []

    def drained():
        with Service(bench) as service:
            start = time.monotonic()
            got, _, _ = follow(bench, service, size)
            service.call("POST", "/v1/processes/writer/join?timeout=60")
            shares.append(min(got / size, 1) * 100)
            return size / (time.monotonic() - start) / 1e6

    rounds = bench.rounds({"pipe": through_pipe, "followed": followed, "drained": drained})
    add = bench.report.add
    pipe = rounds.median("pipe")
    word = "whole" if endings == {"whole"} else "cut"
    add(f"output followed, all of it kept ({word})", "MB/s", rounds.median("followed"), pipe)
    add("output taken from the process, 1 MiB kept", "MB/s", rounds.median("drained"), pipe)
    add("followed before it fell out, 1 MiB kept", "%", statistics.median(shares))


def follow(bench, service, size):
    command = ["sh", "-c", f"read line; exec head -c {size} /dev/zero"]
    service.create("processes", "writer", command=command, stdin="pipe")
    reader = service.request("GET", "/v1/processes/writer/output?follow=true")
    trigger = service.request("POST", "/v1/processes/writer/stdin?close=true", "\n")
    got, seconds, ending = bench.run("load", "stream", service.address, reader, trigger)
    return int(got), float(seconds), ending
