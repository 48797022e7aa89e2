"""A service of one's own, and a client that watches how it feels."""

import contextlib
import http.client
import json
import multiprocessing
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time


class Service:
    def __init__(self, binary, *options, home=None):
        self.home = home or tempfile.mkdtemp(prefix="procession-stress-")
        # Where the service of an ordinary user keeps its socket.
        self.data = pathlib.Path(self.home, ".local/state/procession")
        self.data.mkdir(parents=True, mode=0o700)
        self.log = open(self.data / "log", "wb")
        self.process = subprocess.Popen(
            [binary, "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--grace", "3", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise RuntimeError(f"the service does not start: {line!r}")
        self.port = int(found[1])
        self.token = (self.data / "token").read_text().strip()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def head(self, method, path, *fields):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.token}", *fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def ask(self, method, path, body=None, session=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        if session is not None:
            headers["Procession-Session"] = session
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
        return response.status, json.loads(text) if text.startswith(b"{") else text

    def memory(self):
        """Resident and its own, in MiB: what arrays have is shared."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


class Watch:
    """Asks for /healthz on a connection of its own while the `with` block runs, in a process of its own."""

    def __init__(self, service):
        self.service = service
        self.before = service.memory()
        self.control, control = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(control,))

    def run(self, control):
        connection = self.service.connect()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        times, most = [], self.before
        while not control.poll(0.003):
            start = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"/healthz: {answer!r}")
            times.append(time.perf_counter() - start)
            most = max(most, self.service.memory())
        control.send((sorted(times), most))

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.control.send(None)
        self.times, self.most = self.control.recv() if self.control.poll(60) else ([0], 0)
        self.process.join()

    def __str__(self):
        times = [time * 1000 for time in self.times]
        return (f"/healthz {len(times)} times: median {statistics.median(times):.2f} ms, p99 {times[len(times) * 99 // 100]:.2f}, "
                f"slowest {times[-1]:.2f}; memory {self.before:.0f} MiB before, {self.most:.0f} at most")
