#!/usr/bin/env python3
"""Measures pools beside multiprocessing.Pool, xargs and GNU parallel, on the same functions and sizes: see --help.

What is compared is run in turn, round by round, so that a noisy machine is equally unfair to both; figures are medians of the
rounds, ratios the medians of each round's.
"""

import argparse
import array
import json
import math
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(__file__).resolve().parent.parent.parent / ".build"
SOURCE = """
import time
def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""


def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def spin_each(seconds):
    for one in seconds:
        spin(one)


def length(text):
    return len(text)


class Connection:
    """One kept open, as a client's would be."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def post(self, path, body=b"", kind="application/json"):
        return self.request("POST", path, body, kind)

    def request(self, method, path, body, kind):
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        return self.answer()

    def answer(self):
        head, body = self.head()
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        parts, count = [body], len(body)
        while count < length:
            parts.append(self.socket.recv(1 << 20))
            count += len(parts[-1])
        if head.split()[1][:1] != b"2":
            raise RuntimeError(b"".join(parts))
        return b"".join(parts)

    def head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(1 << 16)
        return data.split(b"\r\n\r\n", 1)


class Service:
    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name + "/procession.sock"
        self.process = subprocess.Popen(
            [binary, "serve", "--data", self.folder.name, "--listen", "none"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()

    def connect(self):
        return Connection(self.path)

    def resident(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def recover(client, rounds=40):
    """Kills a worker of two and waits until both are idle again: the seconds that each time took."""
    client.post("/v1/pools", json.dumps({"name": "k", "processes": 2, "worker": {"python": {}}}).encode())

    def workers():
        return json.loads(client.request("GET", "/v1/pools/k/workers", b"", "application/json"))["items"]

    def is_whole(but):
        there = workers()
        return len(there) == 2 and all(worker["state"] == "idle" and worker["pid"] != but for worker in there)

    took = []
    for round in range(rounds):
        victim = workers()[round % 2]["pid"]
        began = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        while not is_whole(victim):
            time.sleep(0.001)
        took.append(time.perf_counter() - began)
    client.post("/v1/pools/k/terminate")
    return took


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def together(count, work):
    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def document(function, **members):
    return json.dumps({"func": function, **members}).encode()


def cases(service, pool, options):
    """Name, ours, theirs, how many things each does, and the ratio that ours is to reach."""
    client = service.connect()
    call = document("math:sqrt", args=[16])

    def apply(connection, count):
        for _ in range(count):
            connection.post("/v1/pools/p/apply", call)

    def ours(body, kind="map", name="p"):
        return lambda: client.post(f"/v1/pools/{name}/{kind}", body)

    connections = [service.connect() for _ in range(options.callers)]
    count = 2000
    yield "apply, one caller", lambda: apply(client, count), lambda: [
        pool.apply(math.sqrt, (16,)) for _ in range(count)], count, 1.5
    yield f"apply, {options.callers} callers", lambda: together(
        options.callers, lambda index: apply(connections[index], count // options.callers)), lambda: together(
        options.callers, lambda _: [pool.apply(math.sqrt, (16,)) for _ in range(count // options.callers)]), count, 1.5
    for chunk, items, target in ((1, 20_000, 1), (64, 100_000, 0.5), (1024, 100_000, None), (None, 100_000, None)):
        body = document("math:sqrt", iterable=list(range(items)), **({"chunksize": chunk} if chunk else {}))
        yield f"map of {items}, chunks of {chunk or 'the default size'}", ours(body), lambda chunk=chunk, items=items: (
            pool.map(math.sqrt, range(items), chunk)), items, target
    yield "map of 100000 in shared memory", ours(shared(client, 100_000)), lambda: (
        pool.map(math.sqrt, range(100_000))), 100_000, 1.5
    spins = [0.01] * 200
    busy = ours(document("spin", iterable=spins, chunksize=1))
    yield "200 items of 10 ms, beside Python's pool", busy, lambda: pool.map(spin, spins, 1), 200, None
    # What the machine gives two processes that are let alone.
    yield "200 items of 10 ms, beside 2 loops of 100", busy, lambda: pool.map(spin_each, [spins[:100]] * 2, 1), 200, 0.95
    text = "x" * 1_000_000
    large = document("str", args=[text])
    yield "1 MB there and back", lambda: [
        client.post("/v1/pools/p/apply", large) for _ in range(20)], lambda: [
        pool.apply(str, (text,)) for _ in range(20)], 20, None
    programs = document("/bin/true", iterable=[[]] * 500)
    yield "programs, beside xargs", ours(programs, "starmap", "e"), lambda: subprocess.run(
        "seq 500 | xargs -P2 -n1 /bin/true", shell=True, check=True), 500, 1
    if shutil.which("parallel"):
        yield "programs, beside GNU parallel", ours(programs, "starmap", "e"), lambda: subprocess.run(
            "seq 500 | parallel -P2 /bin/true", shell=True, check=True, stderr=subprocess.DEVNULL), 500, 1


def shared(client, count):
    """A map of numbers in one array into another."""
    client.post("/v1/arrays", json.dumps({"name": "given", "typecode": "i", "length": count}).encode())
    client.post("/v1/arrays", json.dumps({"name": "taken", "typecode": "d", "length": count}).encode())
    numbers = array.array("i", range(count)).tobytes()
    client.request("PUT", "/v1/arrays/given/data", numbers, "application/octet-stream")
    return document("math:sqrt", iterable={"array": "given"}, result={"array": "taken"})


def stream(binary, items, chunk=64, batch=10_000):
    """A stream of many items, in and out of a service that has done nothing else: items a second, its memory in use before,
    and the most of it that there was more."""
    with Service(binary) as service:
        reader, feeder = service.connect(), service.connect()
        feeder.post("/v1/pools", json.dumps({"name": "p", "processes": 2, "worker": {"python": {}}}).encode())
        body = document("math:sqrt", iterable={"stream": True}, chunksize=chunk)
        job = "/v1/pools/p/jobs/%d" % json.loads(feeder.post("/v1/pools/p/imap_unordered_async", body))["id"]
        before = most = service.resident()

        def feed():
            feeder.socket.sendall(
                f"POST {job}/put?close=true HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            for start in range(0, items, batch):
                lines = "".join(f"{item}\n" for item in range(start, min(start + batch, items))).encode()
                feeder.socket.sendall(b"%x\r\n%s\r\n" % (len(lines), lines))
            feeder.socket.sendall(b"0\r\n\r\n")
            feeder.answer()

        thread = threading.Thread(target=feed)
        began = time.perf_counter()
        thread.start()
        reader.socket.sendall(f"GET {job}/results HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        _, rest = reader.head()
        lines, tail = 0, b""
        while not tail.endswith(b"0\r\n\r\n"):
            data = rest or reader.socket.recv(1 << 20)
            rest = b""
            # A line may be cut in two; no line end of the chunks' heads comes after a bracket.
            lines += (tail[-1:] + data).count(b"}\n")
            tail = (tail + data)[-16:]
            most = max(most, service.resident())
        took = time.perf_counter() - began
        thread.join()
        if lines != items:
            raise RuntimeError(f"{lines} lines of {items}")
        return items / took, before, most - before


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each figure is taken (5)")
    parser.add_argument("--callers", type=int, default=8, help="that call apply at once (8)")
    parser.add_argument("--items", type=int, default=1_000_000, help="that are streamed (1000000)")
    parser.add_argument("--binary", default=BUILD / "release" / "procession")
    options = parser.parse_args()
    pool = multiprocessing.Pool(2)
    with Service(options.binary) as service:
        client = service.connect()
        client.post("/v1/pools", json.dumps(
            {"name": "p", "processes": 2, "worker": {"python": {"source": SOURCE}}}).encode())
        client.post("/v1/pools", json.dumps({"name": "e", "processes": 2, "worker": {"exec": {}}}).encode())
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
        print(f"{'':44}{'ours/s':>12}{'theirs/s':>12}{'ratio':>8}{'target':>8}")
        for name, ours, theirs, count, target in cases(service, pool, options):
            ours(), theirs()
            rounds = [(seconds(ours), seconds(theirs)) for _ in range(options.rounds)]
            mine, other = (count / statistics.median(column) for column in zip(*rounds))
            ratio = statistics.median(b / a for a, b in rounds)
            print(f"{name:44}{mine:12.0f}{other:12.0f}{ratio:8.2f}{target or '':>8}", flush=True)
        took = recover(service.connect())  # An idle connection lasts a minute.
        bare = [seconds(lambda: subprocess.run(["python3", "-c", ""])) for _ in took]
        print(f"{'kill -9 of a worker until there are all again':48}{1000 * statistics.median(took):8.0f} ms"
              f" (at most {1000 * max(took):.0f}); python3 alone {1000 * statistics.median(bare):.0f} ms")
    pool.terminate()
    rate, before, more = stream(options.binary, options.items)
    print(f"{f'stream of {options.items} in and out':44}{rate:12.0f}, with {more / 2**20:.1f} MiB more than {before / 2**20:.1f}")


if __name__ == "__main__":
    main()
