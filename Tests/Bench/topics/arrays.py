"""Items and slices of an array, beside multiprocessing.managers; its bytes, beside a plain sendfile and cat."""

import pathlib
import subprocess
import tempfile
import time

from harness.managers import compare, manager
from harness.servers import FileServer, Service

COUNT = 1_000


def measure(bench):
    items(bench)
    data(bench)


def items(bench):
    numbers = list(range(COUNT))
    with Service(bench) as service, manager(bench) as server:
        service.create("arrays", "a", typecode="q", initial=numbers)
        array = server.Array("q", numbers)

        def add():
            # Two calls, and not atomic: managers have nothing better.
            array[7] += 1

        def assign():
            array[0:COUNT] = assigned

        # What a manager's array takes for a slice is another array.
        assigned = array[0:COUNT]
        path = "/v1/arrays/a/items"
        whole = f"{path}?start=0&stop={COUNT}"
        compare(bench, service, "array item read", "calls/s", lambda: array[7], [("GET", f"{path}/7")])
        compare(bench, service, "array item add 1", "calls/s", add, [("POST", f"{path}/7/add", {"value": 1})])
        compare(bench, service, f"array slice of {COUNT:,} read", "calls/s", lambda: array[0:COUNT], [("GET", whole)])
        compare(
            bench, service, f"array slice of {COUNT:,} written", "calls/s", assign,
            [("PUT", whole, {"values": numbers})])


def data(bench):
    size = bench.options.mebibytes << 20
    path = "/v1/arrays/a/data"
    shared = tempfile.TemporaryDirectory(dir="/dev/shm")
    with shared as folder, Service(bench) as service, FileServer(bench, size) as plain:
        service.create("arrays", "a", typecode="B", length=size)
        down = service.file(service.head("GET", path))
        up = service.file(service.head("PUT", path, size, "application/octet-stream"))
        source = pathlib.Path(folder, "source")
        source.write_bytes(b"x" * size)
        speed = lambda *words: size / float(bench.run("bulk", *words)[0]) / 1e9
        rounds = bench.rounds({
            "up": lambda: speed("up", service.address, size, up),
            "up, sendfile.c": lambda: speed("up", plain.address, size, up),
            "up, cat": lambda: size / seconds(f"cat {source} | cat >{folder}/target") / 1e9,
            "down": lambda: speed("down", service.address, size, down),
            "down, sendfile.c": lambda: speed("down", plain.address, size, down),
            "down, cat": lambda: size / seconds(f"cat {source} | cat >/dev/null") / 1e9,
        })
    for direction in ("down", "up"):
        for peer in ("sendfile.c", "cat"):
            bench.report.add(
                f"array of {bench.options.mebibytes} MiB {direction}, beside {peer}", "GB/s", rounds.median(direction),
                rounds.median(f"{direction}, {peer}"), rounds.ratio(direction, f"{direction}, {peer}"))


def seconds(command):
    start = time.monotonic()
    subprocess.run(["sh", "-c", command], check=True)
    return time.monotonic() - start
