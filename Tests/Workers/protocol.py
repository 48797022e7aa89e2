"""The daemon's side of the worker protocol (Sources/CEmbedded/PROTOCOL.md), for one worker."""

import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import termios
import time

LENGTHS = struct.Struct(">II")
PATIENCE = 20.0


def occupy_descriptor_3():
    """Keeps 3 from being anything that a starting child still needs when its socket becomes 3."""
    while os.open(os.devnull, os.O_RDONLY) < 3:
        pass


class Broken(Exception):
    """The worker did what the protocol does not allow, or nothing in time."""


def expect(holds, what):
    if not holds:
        raise Broken(what)


def strict(text):
    def refuse(constant):
        raise Broken(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Worker:
    """A started worker that was greeted; ended by its pid when the `with` block is left."""

    def __init__(self, command, initializer=None, body=None, version=1, output=subprocess.DEVNULL):
        self.socket, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            command, pass_fds=[3], preexec_fn=lambda: os.dup2(theirs.fileno(), 3), stdin=subprocess.PIPE,
            stdout=output, stderr=output, env={name: os.environ[name] for name in os.environ if name[:6] != "PYTHON"})
        theirs.close()
        self.buffer = b""
        self.last = 0
        self.progress = []
        self.send({"type": "hello", "protocol": version, "pool": "Pool-1", "worker": "Pool-1-worker-1",
                   "initializer": initializer}, body or {"initargs": []})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()

    @staticmethod
    def frame(head, body=b""):
        head = compact(head)
        body = body if isinstance(body, bytes) else compact(body)
        return LENGTHS.pack(len(head), len(body)) + head + body

    def send(self, head, body=b""):
        self.socket.sendall(self.frame(head, body))

    def send_byte_by_byte(self, frame):
        """Each byte is on its own, since the next is sent when the worker has read it."""
        for index in range(len(frame)):
            self.socket.sendall(frame[index : index + 1])
            deadline = time.monotonic() + PATIENCE
            while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4))[0]:
                expect(time.monotonic() < deadline, "a byte was not read")

    def task(self, op, func, **members):
        """The frame of a new task."""
        self.last += 1
        body = members.pop("body", b"")
        return self.frame({"type": "task", "id": self.last, "op": op, "func": func, **members}, body)

    def apply_task(self, func, *args, **kwds):
        # The arguments as a client may have printed them, among what the daemon puts around them.
        args, kwds = json.dumps(args).encode(), json.dumps(kwds).encode()
        return self.task("apply", func, body=b'{"args":' + args + b',"kwds":' + kwds + b"}")

    def map_task(self, func, items, op="map", stop_on_error=False, body=None):
        return self.task(op, func, count=len(items), stop_on_error=stop_on_error, body=body or json.dumps(items).encode())

    def receive(self, patience=PATIENCE):
        """The next frame; None at the end."""
        deadline = time.monotonic() + patience

        def fill(count):
            while len(self.buffer) < count:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                    raise Broken(f"nothing came within {patience} s")
                try:
                    data = self.socket.recv(1 << 20)
                except ConnectionResetError:
                    data = b""
                if not data:
                    expect(not self.buffer, "the worker ended within a frame")
                    return False
                self.buffer += data
            return True

        if not fill(LENGTHS.size):
            return None
        head, body = LENGTHS.unpack_from(self.buffer)
        expect(head <= 1 << 16, f"a head of {head} bytes")
        fill(LENGTHS.size + head + body)
        start, middle = LENGTHS.size, LENGTHS.size + head
        frame = strict(self.buffer[start:middle].decode()), self.buffer[middle : middle + body]
        self.buffer = self.buffer[middle + body :]
        return frame

    def result(self, identifier=None, patience=PATIENCE):
        """The next result as its head and its lines, which has to be that of the task (the last one, if none is named)."""
        while True:
            frame = self.receive(patience)
            expect(frame, "the worker ended")
            head, body = frame
            if head["type"] == "progress":
                self.progress.append(strict(body))
            elif head["type"] != "started":
                break
        expect(head["type"] == "result", f"{head} is no result")
        expect(head["id"] == (identifier or self.last), f"{head} is not the result of {identifier or self.last}")
        if head.get("values"):
            expect(b"\n" not in body, "a line end in an array of values")
            array = strict(body)
            expect(isinstance(array, list) and array, f"{body[:20]} is no array of values")
            return head, [{"value": value} for value in array]
        expect(body.endswith(b"\n"), f"the last line of {body[-20:]} is not ended")
        lines = [strict(line) for line in body[:-1].split(b"\n")]
        for line in lines:
            expect(list(line) in (["value"], ["error"]), f"{line} is neither a value nor an error")
            if "error" in line:
                self.check_error(line["error"])
        return head, lines

    @staticmethod
    def check_error(error):
        expect(list(error) == ["type", "message", "traceback", "args"], f"an error with {list(error)}")
        expect(all(isinstance(error[name], str) for name in ("type", "message", "traceback")), f"{error}")
        expect(error["args"] is None or isinstance(error["args"], list), f"{error}")

    def outcome(self, frame):
        """Sends a task; returns its lines."""
        self.socket.sendall(frame)
        return self.result()[1]

    def apply(self, func, *args, **kwds):
        """The one line of an apply."""
        lines = self.outcome(self.apply_task(func, *args, **kwds))
        expect(len(lines) == 1, f"{len(lines)} lines for an apply")
        return lines[0]

    def value(self, func, *args, **kwds):
        line = self.apply(func, *args, **kwds)
        expect("value" in line, f"{line} is no value")
        return line["value"]

    def error(self, func, *args, **kwds):
        line = self.apply(func, *args, **kwds)
        expect("error" in line, f"{line} is no error")
        return line["error"]

    def ready(self):
        frame = self.receive()
        expect(frame, "the worker ended before it was ready")
        expect(frame[0]["type"] == "ready", f"{frame} instead of ready")
        expect(frame[0]["protocol"] == 1, f"{frame[0]} speaks another version")
        return self

    def exitcode(self):
        """How it ended, by itself: nothing more may come."""
        expect(self.receive() is None, "a frame after the last")
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken("the worker does not exit") from None

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
