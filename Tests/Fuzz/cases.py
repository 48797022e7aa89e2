"""Cases: what is sent, in which pieces, and how the connection ends."""

import socket
import struct
import time
from random import Random

from grammar import body_for, chunked, head, junk, mutate, operation, random_json, request


class Case:
    """Pieces of bytes with pauses between them, then an end: close, half, reset or linger."""

    def __init__(self, name, pieces, end="read", pause=0.0, use_unix=False):
        self.name, self.pieces, self.end, self.pause, self.use_unix = name, pieces, end, pause, use_unix

    def run(self, daemon):
        sent = 0
        try:
            connection = daemon.connect(self.use_unix)
        except OSError:
            return 0  # The watcher knows whether that is a fault.
        try:
            connection.settimeout(1)
            for piece in self.pieces:
                connection.sendall(piece)
                sent += len(piece)
                if self.pause:
                    time.sleep(self.pause)
            self.finish(connection)
        except OSError:
            pass  # Refused in the middle, as it should be.
        finally:
            connection.close()
        return sent

    def finish(self, connection):
        if self.end == "reset":
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        if self.end == "half":
            connection.shutdown(socket.SHUT_WR)
        if self.end != "close":
            total = 0
            deadline = time.monotonic() + 1
            while total < 1 << 20 and time.monotonic() < deadline:
                data = connection.recv(1 << 16)
                if not data:
                    return
                total += len(data)


def make_case(seed, daemon):
    random = Random(seed)
    maker = random.choice(MAKERS)
    pieces, pause = maker(random, daemon)
    end = random.choice(["read", "read", "read", "close", "half", "reset"])
    return Case(maker.__name__, pieces, end, pause, use_unix=random.random() < 0.2)


def plain(random, daemon):
    """A good request, or one with a few bytes changed."""
    data = request(random, daemon.token)
    return [mutate(random, data) if random.random() < 0.5 else data], 0


def json_body(random, daemon):
    """Any JSON, and what nearly is, to every operation that takes a document."""
    method, path = operation(random, with_body=True)
    return [request(random, daemon.token, method, path, random_json(random))], 0


def fields(random, daemon):
    """Known fields with values of the right and of the wrong kind."""
    method, path = operation(random, with_body=True)
    return [request(random, daemon.token, method, path, body_for(random, path))], 0


def framing(random, daemon):
    """Lengths and codings that contradict each other or the body."""
    body = b'{"command":["/bin/true"]}'
    lines = random.sample([
        b"Content-Length: 25", b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: +25",
        b"Content-Length: 18446744073709551615", b"Content-Length: 18446744073709551616", b"Content-Length:",
        b"Content-Length: 25, 25", b"Content-Length: 0x19", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding : chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: xchunked", b"Expect: 100-continue", b"Upgrade: h2c", b"Connection: upgrade",
        b"Content-Encoding: gzip", b"Trailer: X", b"TE: trailers",
    ], random.randint(1, 4))
    data = head(random, daemon.token, b"POST", b"/v1/processes", [b"Content-Type: application/json", *lines])
    return [data + (chunked(random, body) if random.random() < 0.4 else body)], 0


def chunks(random, daemon):
    """Chunk sizes, extensions, trailers and ends that are not as they should be."""
    path = b"/v1/processes" if random.random() < 0.5 else b"/v1/processes/Process-1/stdin"
    lines = [b"Content-Type: application/json", b"Transfer-Encoding: chunked"]
    data = head(random, daemon.token, b"POST", path, lines)
    return [data + mutate(random, chunked(random, body_for(random, path), odd=True))], 0


def headers(random, daemon):
    """Many, huge, empty, folded and unreadable header lines."""
    kinds = [
        lambda: b"X-%d: y" % random.randint(0, 9), lambda: b"X: " + b"a" * random.choice([100, 4000, 9000, 40000]),
        lambda: b": empty", lambda: b"No colon", lambda: b" folded: x", lambda: b"A\r\n b: c", lambda: b"A: b\r c",
        lambda: b"A: b\0c", lambda: b"A\0: b", lambda: b"Host: localhost", lambda: b"Host: evil",
        lambda: b"Cookie: a=b; c",
        lambda: b"Cookie: " + junk(random, 50), lambda: b"Authorization: Bearer x",
        lambda: b"Last-Event-ID: 99999999999999999999",
        lambda: b"Accept: text/event-stream", lambda: junk(random, 40), lambda: b"Origin: null",
    ]
    lines = [random.choice(kinds)() for _ in range(random.choice([1, 3, 10, 70, 300]))]
    method, path = operation(random)
    return [head(random, daemon.token, method, path, lines)], 0


def targets(random, daemon):
    """Paths and queries as no client would write them."""
    parts = [b"/", b"..", b".", b"%00", b"%2F", b"%zz", b"?", b"&", b"=", b"a", b"v1", b"processes", b"\xff",
        b"\0", b"*",
             b"http://x", b"+", b"timeout", b"limit", b"offset", b"9" * 30, b"-1", b";", b"#", b"//",
             b"current", b"nan"]
    target = b"/" * random.randint(0, 1) + b"".join(random.choice(parts) for _ in range(random.randint(1, 30)))
    if random.random() < 0.1:
        target = b"/v1/processes?" + b"&".join(b"a%d=b" % number for number in range(random.choice([10, 300, 3000])))
    if random.random() < 0.1:
        target = b"/" + b"a" * random.choice([2000, 2047, 2048, 8000, 40000])
    return [head(random, daemon.token, random.choice([b"GET", b"POST", b"PUT", b"DELETE"]), target, [])], 0


def pipelined(random, daemon):
    """Several requests in one go, good and bad ones in any order."""
    requests = [request(random, daemon.token, keep=True) for _ in range(random.randint(2, 30))]
    if random.random() < 0.5:
        requests.insert(random.randrange(len(requests)), mutate(random, request(random, daemon.token)))
    return [b"".join(requests)], 0


def slow(random, daemon):
    """A request a few bytes at a time."""
    data = request(random, daemon.token)
    step = random.randint(1, 60)
    return [data[at:at + step] for at in range(0, len(data), step)], random.choice([0.0, 0.001, 0.01])


def truncated(random, daemon):
    """A request that ends before its end."""
    method, path = operation(random, with_body=True)
    data = request(random, daemon.token, method, path, body_for(random, path))
    return [data[:random.randrange(len(data) + 1)]], 0


def parked(random, daemon):
    """Waits and streams whose client leaves."""
    target = random.choice([
        b"/v1/watch", b"/v1/watch?after=0", b"/v1/processes/Process-1/output?follow=true",
        b"/v1/processes/f1/output?follow=true&stream=both", b"/v1/processes/f2/events"])
    if random.random() < 0.5:
        return [head(random, daemon.token, b"GET", target, [random.choice([b"X: y",
            b"Accept: text/event-stream"])])], 0.01
    name = random.choice([b"Process-1", b"f1", b"f2", b"f3"])
    timeout = random.choice([b"", b"?timeout=0.05", b"?timeout=0", b"?block=false"])
    return [head(random, daemon.token, b"POST", b"/v1/processes/" + name + b"/join" + timeout,
        [b"Content-Length: 0"])], 0.01


def large(random, daemon):
    """Bodies at and beyond the limits, whole or cut off."""
    size = daemon.body + random.choice([-1, 0, 1, 4_000_000])
    stdin = random.random() < 0.5
    path = b"/v1/processes/f1/stdin?timeout=0.05" if stdin else b"/v1/processes"
    kind = b"application/octet-stream" if stdin else b"application/json"
    body = b"x" * size if stdin else b'{"a":[' + b"[0]," * (size // 4)
    data = head(random, daemon.token, b"POST", path, [b"Content-Type: " + kind, b"Content-Length: %d" % size])
    return [data, body[:random.choice([size, size // 2])]], 0


def garbage(random, daemon):
    """No HTTP at all."""
    starts = [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n" * 50, b"\0" * 100,
              b"SSH-2.0-x\r\n", b"GET /\r\n\r\n", b"get / http/1.1\r\n\r\n", b"CONNECT evil:443 HTTP/1.1\r\n\r\n"]
    return [random.choice(starts) + junk(random, random.choice([0, 10, 1000, 50_000]))], 0


MAKERS = [plain, json_body, fields, fields, framing, chunks, headers, targets, pipelined, slow, truncated,
    parked, parked,
          large, garbage]
