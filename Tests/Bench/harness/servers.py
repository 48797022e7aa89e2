"""Programs that run while something is measured. Each has an `address`: a port of 127.0.0.1."""

import contextlib
import http.client
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .machine import free_port


class Child:
    """A program that runs for as long as the `with` block does; it is ended by its pid."""

    def __init__(self, bench, arguments, **options):
        self.bench = bench
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=bench.log, text=True, **options)
        self.pid = self.process.pid

    def await_line(self):
        if not self.process.stdout.readline():
            raise RuntimeError(f"{self.process.args[0]} does not start")

    def file(self, content):
        """A request's bytes, for the programs that send it."""
        with tempfile.NamedTemporaryFile("w", dir=self.bench.folder, delete=False) as file:
            file.write(content)
        return file.name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Bare(Child):
    """The C program that answers every request with a body of `size` bytes; `put` as in bare.c."""

    def __init__(self, bench, size, put=False):
        self.address = free_port()
        super().__init__(bench, [bench.folder / "bare", self.address, size, *(["put"] if put else [])])
        self.await_line()


class FileServer(Child):
    """The C program that gives and takes a file of `size` bytes."""

    def __init__(self, bench, size):
        self.address = free_port()
        super().__init__(bench, [bench.folder / "sendfile", self.address, size])
        self.await_line()


class Service(Child):
    """Our daemon, with a data folder of its own."""

    def __init__(self, bench, *options):
        self.address = free_port()
        self.data = pathlib.Path(tempfile.mkdtemp(dir=bench.folder))
        self.socket = self.data / "socket"
        super().__init__(
            bench, [bench.options.binary, "serve", "--listen", f"127.0.0.1:{self.address}", "--socket", self.socket,
                    "--data", self.data, "--grace", "2", *options])
        self.await_line()
        self.token = (self.data / "token").read_text().strip()

    def call(self, method, path, document=None, connection=None):
        """Returns the status and the body."""
        headers = {"Authorization": f"Bearer {self.token}"}
        body = None
        if document is not None:
            body = json.dumps(document)
            headers["Content-Type"] = "application/json"
        own = connection or http.client.HTTPConnection("127.0.0.1", self.address, timeout=60)
        own.request(method, path, body, headers)
        response = own.getresponse()
        answer = response.read()
        if connection is None:
            own.close()
        return response.status, answer

    def make(self, kind, **fields):
        """Under a name that the service chooses; returns what was made."""
        status, body = self.call("POST", f"/v1/{kind}", fields)
        if status != 201:
            raise RuntimeError(f"none of {kind} was made: {status} {body}")
        return json.loads(body)

    def create(self, kind, *names, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.address, timeout=60)
        with contextlib.closing(connection):
            for name in names:
                status, body = self.call("POST", f"/v1/{kind}", {"name": name, **fields}, connection)
                if status != 201:
                    raise RuntimeError(f"{kind}/{name} was not made: {status} {body}")

    def request(self, method, path, body=None, type="application/json"):
        """A file with a request, of which `body` may hold what the load replaces."""
        return self.file(self.head(method, path, None if body is None else len(body), type) + (body or ""))

    def head(self, method, path, length=None, type="application/json"):
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        # A probe sends no token.
        if path != "/healthz":
            lines.append(f"Authorization: Bearer {self.token}")
        if length is not None:
            lines += [f"Content-Type: {type}", f"Content-Length: {length}"]
        elif method == "POST":
            lines.append("Content-Length: 0")
        return "\r\n".join([*lines, "", ""])

    def await_waiters(self, count):
        """Until so many calls are parked; with 0 until all of them have gone."""
        _await(count, self._waiters)

    def _waiters(self):
        for metric in self.call("GET", "/metrics")[1].decode().splitlines():
            if metric.startswith("procession_waiters "):
                return int(float(metric.split()[1]))
        raise RuntimeError("no procession_waiters in /metrics")


class Redis(Child):
    """redis-server that keeps nothing. Debian's redis-tools has its program under the name of its checker, which goes by
    the name that it is called by, and brings no service that would be started."""

    def __init__(self, bench):
        self.address = free_port()
        program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        if program is None:
            raise RuntimeError("there is no Redis: apt-get install redis-tools")
        super().__init__(
            bench, ["redis-server", "--bind", "127.0.0.1", "--port", self.address, "--save", "", "--appendonly", "no",
                    "--maxclients", "16384", "--dir", bench.folder], executable=program)
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("Redis does not start")

    def request(self, *words):
        return self.file(f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words))

    def await_waiters(self, count):
        _await(count, self._waiters)

    def _waiters(self):
        with socket.create_connection(("127.0.0.1", self.address)) as connection, connection.makefile("rwb") as stream:
            stream.write(b"INFO clients\r\n")
            stream.flush()
            text = stream.read(int(stream.readline()[1:]))
        return next(int(line[16:]) for line in text.splitlines() if line.startswith(b"blocked_clients:"))


def _await(count, waiters):
    for _ in range(600):
        now = waiters()
        if now == count:
            return
        time.sleep(0.1)
    raise RuntimeError(f"{now} clients are parked, not {count}")
