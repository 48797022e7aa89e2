"""The programs in C, built for one run, and what the topics do with them."""

import pathlib
import shutil
import subprocess
import tempfile
from typing import NamedTuple

from .machine import cpu_seconds
from .report import Report
from .rounds import Rounds

SOURCES = pathlib.Path(__file__).resolve().parent.parent
FLAGS = ["-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE"]
PROGRAMS = {
    "bare": ["bare.c", "-lmicrohttpd"],
    "sendfile": ["sendfile.c"],
    "spawn_loop": ["spawn_loop.c"],
    "load": ["load.c", "client.c"],
    "handover": ["handover.c", "client.c"],
    "bulk": ["bulk.c", "client.c"],
}


class Load(NamedTuple):
    """Requests per second, and the server's CPU seconds per request."""
    rate: float
    cpu: float


class Bench:
    """A folder of programs and data that is there for as long as the `with` block; the options; the table."""

    def __init__(self, options, log):
        self.options, self.log = options, log
        self.report = Report()

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        compiler = shutil.which("cc") or "clang"
        for name, (source, *rest) in PROGRAMS.items():
            rest = [SOURCES / word if word.endswith(".c") else word for word in rest]
            subprocess.run([compiler, *FLAGS, "-o", self.folder / name, SOURCES / source, *rest], check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def rounds(self, sides):
        return Rounds(self.options.rounds, sides)

    def run(self, program, *arguments):
        """The words that it prints; `program` is one of ours or a path."""
        words = [str(word) for word in (self.folder / program, *arguments)]
        return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout.split()

    def start(self, program, *arguments):
        """A program that says a line when it is ready and goes on when it is told."""
        words = [str(word) for word in (self.folder / program, *arguments)]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def load(self, server, connections, *files, pace=None):
        """As fast as `server` answers, or at the rate `pace`. Every request must succeed."""
        if pace is None:
            mode = ["rate", server.address, connections, self.options.seconds]
        else:
            mode = ["pace", server.address, connections, self.options.seconds, pace]
        before = cpu_seconds(server.pid)
        count, seconds = self._answers(mode, files)
        return Load(count / seconds, (cpu_seconds(server.pid) - before) / count)

    def send(self, server, connections, turns, *files):
        """So many turns in all; returns requests per second."""
        count, seconds = self._answers(["count", server.address, connections, turns], files)
        return count / seconds

    def _answers(self, mode, files):
        count, failures, seconds = self.run("load", *mode, *files)
        if int(failures):
            raise RuntimeError(f"{failures} of {count} requests failed")
        return int(count), float(seconds)
