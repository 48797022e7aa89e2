"""The daemon under fire: started, measured, asked for its health, ended by its pid."""

import collections
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

Measure = collections.namedtuple("Measure", "fds rss")

ALLOWED = ["/bin/true", "/bin/cat", "/bin/echo", "/usr/bin/yes", "/bin/sleep"]


class Unwell(Exception):
    pass


class Daemon:
    def __init__(self, binary, body):
        self.body = body
        self.folder = tempfile.mkdtemp(prefix="procession-fuzz-")
        self.log = open(self.folder + "/log", "wb")
        options = [f"--allow-command={program}" for program in ALLOWED]
        options += ["--max-processes=200", "--max-running=50", "--max-waiters=200", "--max-events=500"]
        options += ["--output-buffer=65536", f"--max-body={body}", f"--max-message={body}", "--grace=3"]
        self.process = subprocess.Popen(
            [binary, "serve", "--data", self.folder, "--listen", "127.0.0.1:0", *options],
            stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise Unwell(f"the daemon did not start: {self.log_tail(5)}")
        self.port = int(found[1])
        with open(self.folder + "/token") as file:
            self.token = file.read().strip()
        self.unix = self.folder + "/procession.sock"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def is_running(self):
        return self.process.poll() is None

    def connect(self, use_unix=False):
        if use_unix:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(5)
            connection.connect(self.unix)
            return connection
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def ask(self, method, path, body=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def check_health(self, timeout):
        if not self.is_running():
            raise Unwell(f"the daemon has ended with {self.process.returncode}")
        try:
            status, _ = self.ask("GET", "/healthz", timeout=timeout)
        except OSError as error:
            raise Unwell(f"/healthz: {error!r}; the daemon's exit code is {self.process.poll()}")
        if status != 200:
            raise Unwell(f"/healthz is {status}")

    def warm_up(self):
        """What is opened or allocated once is there before the first measure."""
        self.ask("POST", "/v1/processes", '{"command":["/bin/echo","x"]}')
        self.clear()

    def clear(self):
        """Ends and deletes all that the cases have made."""
        for _ in range(50):
            items = json.loads(self.ask("GET", "/v1/processes?limit=1000")[1])["items"]
            for item in items:
                path = "/v1/processes/" + item["name"]
                if item["is_alive"]:
                    self.ask("POST", path + "/kill")
                    self.ask("POST", path + "/join?timeout=5")
                self.ask("DELETE", path)
            if not items:
                break
        for _ in range(50):
            items = json.loads(self.ask("GET", "/v1/classes?limit=1000")[1])["items"]
            for item in items:
                self.ask("DELETE", "/v1/classes/" + item["name"])
            if not items:
                break

    def measure(self):
        folder = f"/proc/{self.process.pid}"
        with open(folder + "/statm") as file:
            rss = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        return Measure(len(os.listdir(folder + "/fd")), rss)

    def descriptors(self):
        """How many of each kind it has open."""
        folder = f"/proc/{self.process.pid}/fd/"
        kinds = (re.sub(r"\[\d+\]", "", os.readlink(folder + name)) for name in os.listdir(folder))
        return dict(collections.Counter(kinds))

    def settle(self, before, growth):
        """Waits until descriptors and memory are back where they were, within reason."""
        self.clear()
        deadline = time.monotonic() + 90
        while True:
            self.check_health(timeout=5)
            now = self.measure()
            # Each 64 connections at a time took another instance of the library, which stays.
            if now.fds <= before.fds + 24 and now.rss <= before.rss + growth:
                return now
            if time.monotonic() > deadline:
                raise Unwell(f"{before} before, {now} after: {self.descriptors()}")
            time.sleep(0.5)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Unwell("the daemon does not end")

    def log_tail(self, count):
        with open(self.folder + "/log", "rb") as file:
            lines = file.read().decode("utf-8", "backslashreplace").splitlines()
        # A sanitizer's or a crash's report is in the middle.
        reports = [line for line in lines if not line.startswith("{")]
        return reports[:60] + lines[-count:]
