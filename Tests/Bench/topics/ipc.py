"""A message there and back between two processes, by each way that the operating system, Python and the service have."""

import http.client
import mmap
import multiprocessing
import os
import pathlib
import socket
import tempfile
import time

from harness.servers import Service

MESSAGE = b"x" * 64
TRIPS = 2000


def measure(bench):
    with Service(bench) as service, tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        ways = {
            "file on disk, looked at again and again": lambda: Files(folder), "socket over TCP": Sockets, "os.pipe": Pipes,
            "multiprocessing.Pipe": PythonPipes, "multiprocessing.Queue": PythonQueues,
            "shared memory, looked at again and again": lambda: Memory(mmap.mmap(-1, 4096)),
            "service: pipe": lambda: Http(service, "pipes", "/ends/0", "/ends/1", "send", "recv"),
            "service: queues": lambda: Http(service, "queues", "-there", "-back", "put", "get"),
            "service: array, mapped": lambda: mapped(service),
        }
        rounds = bench.rounds({name: lambda way=way: rate(way()) for name, way in ways.items()})
        for name in ways:
            bench.report.add(f"there and back, {name}", "trips/s", rounds.median(name),
                             rounds.median("multiprocessing.Queue"), rounds.ratio(name, "multiprocessing.Queue"))


def rate(way):
    """Trips a second. `way` is made before the process forks; 0 is this side of it, 1 the child's."""
    child = os.fork()
    if child == 0:
        for _ in range(TRIPS):
            way.send(1, way.receive(1))
        way.receive(1)  # Until then a thread of Python's queue may still have something to send.
        os._exit(0)
    start = time.perf_counter()
    for _ in range(TRIPS):
        way.send(0, MESSAGE)
        if way.receive(0) != MESSAGE:
            raise RuntimeError("another message came back")
    seconds = time.perf_counter() - start
    way.send(0, MESSAGE)
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError("the other process failed")
    return TRIPS / seconds


class Files:
    """Renamed into place when it is whole; gone when it is taken."""

    def __init__(self, folder):
        self.paths = [pathlib.Path(folder, name) for name in ("there", "back")]

    def send(self, side, data):
        part = self.paths[side].with_suffix(".part")
        part.write_bytes(data)
        part.rename(self.paths[side])

    def receive(self, side):
        path = self.paths[1 - side]
        while True:
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                os.sched_yield()
                continue
            path.unlink()
            return data


class Sockets:
    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            near = socket.create_connection(server.getsockname())
            self.ends = near, server.accept()[0]
        for end in self.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, side, data):
        self.ends[side].sendall(data)

    def receive(self, side):
        return self.ends[side].recv(len(MESSAGE), socket.MSG_WAITALL)


class Pipes:
    def __init__(self):
        self.pipes = os.pipe(), os.pipe()

    def send(self, side, data):
        os.write(self.pipes[side][1], data)

    def receive(self, side):
        return os.read(self.pipes[1 - side][0], len(MESSAGE))


class PythonPipes:
    def __init__(self):
        self.ends = multiprocessing.Pipe()

    def send(self, side, data):
        self.ends[side].send(data)

    def receive(self, side):
        return self.ends[side].recv()


class PythonQueues:
    def __init__(self):
        self.queues = multiprocessing.Queue(), multiprocessing.Queue()

    def send(self, side, data):
        self.queues[side].put(data)

    def receive(self, side):
        return self.queues[1 - side].get()


class Memory:
    """A byte that says whose turn it is, and the message: nothing orders two writers but themselves."""

    def __init__(self, memory):
        self.memory = memory

    def send(self, side, data):
        self.memory[1 : 1 + len(data)] = data
        self.memory[0] = 1 + side

    def receive(self, side):
        while self.memory[0] != 2 - side:
            os.sched_yield()
        return self.memory[1 : 1 + len(MESSAGE)]


def mapped(service):
    array = service.make("arrays", typecode="B", length=4096, lock=False)
    with open(array["path"], "r+b") as file:
        return Memory(mmap.mmap(file.fileno(), 4096))


class Http:
    """Each side on a connection of its own, over the service's Unix socket."""

    def __init__(self, service, kind, near, far, send, receive):
        self.service, self.verbs = service, (send, receive)
        if kind == "pipes":
            base = f"/v1/pipes/{service.make(kind)['name']}"
            self.targets = [(base + near, base + near), (base + far, base + far)]
        else:
            there, back = (f"/v1/queues/{service.make(kind)['name']}" for _ in range(2))
            self.targets = [(there, back), (back, there)]
        self.connections = {}

    def call(self, side, target, body=None):
        connection = self.connections.get(side)
        if connection is None:
            connection = self.connections[side] = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(self.service.socket))
        connection.request("POST", target, body)
        response = connection.getresponse()
        data = response.read()
        if response.status not in (200, 204):
            raise RuntimeError(f"{target}: {response.status} {data!r}")
        return data

    def send(self, side, data):
        self.call(side, f"{self.targets[side][0]}/{self.verbs[0]}", data)

    def receive(self, side):
        return self.call(side, f"{self.targets[side][1]}/{self.verbs[1]}")
