"""The python worker of a pool: calls functions for the daemon at the other end of descriptor 3, as PROTOCOL.md says.

The standard library alone, Python 3.9 and newer. One task at a time, in the main thread, and no thread beside it: what the
daemon has sent meanwhile is looked at between tasks, now and then between items, at SIGINT, and when a task asks.
"""

import builtins
import collections
import contextlib
import faulthandler
import importlib
import itertools
import json
import linecache
import mmap
import operator
import os
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import types

PROTOCOL = 1
SOURCE = "__source__"  # The module that a pool's source becomes.
NESTING = 60  # Arrays and objects within one another that the daemon takes; they are a few less than it reads.
LOOK_INTERVAL = 0.05  # Seconds between two looks at the socket while the items of a chunk are done.
BATCH = 16  # Items that are done between two looks at the clock, at most,
QUICK = 0.001  # and the seconds that the last ones may have taken for that.
HANDOVER = 1.0  # Seconds within which a SIGINT follows the cancel frame that it belongs to.

# What is no JSON is a ValueError: NaN and the infinities here, half a surrogate pair when the text becomes UTF-8.
encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False, ensure_ascii=False).encode
raw_decode = json.JSONDecoder().raw_decode


def printed(value):
    text = encode(value)
    # Few have so many that it is worth a look.
    if text.count("[") + text.count("{") > NESTING and nesting(value) > NESTING:
        raise ValueError(f"nested more than {NESTING} deep")
    return text.encode()


def nesting(value):
    """How deep arrays and objects are within one another."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (list, tuple, dict))]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def decode(data):
    return raw_decode(data.decode().lstrip())[0]


class Channel:
    """Frames on a connected socket: a JSON head and a body of bytes."""

    LENGTHS = struct.Struct(">II")
    HEAD_LIMIT = ROOM = 1 << 16

    def __init__(self, descriptor):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor)
        self.socket.setblocking(True)
        os.set_inheritable(descriptor, False)
        # A child that a task forks must neither answer for this process nor hide its end from the daemon.
        os.register_at_fork(after_in_child=self.socket.close)
        self.sending = threading.Lock()
        self.received = bytearray()

    def send(self, head, body=b""):
        head = head.encode()
        start = self.LENGTHS.pack(len(head), len(body)) + head
        with self.sending:
            for part in (start + body,) if len(body) < self.ROOM else (start, body):
                self.socket.sendall(part)

    def receive(self, wait):
        """Receives what is there; with `wait` at least one byte. Raises EOFError at the end."""
        try:
            data = self.socket.recv(self.ROOM, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        self.received += data

    def frame(self):
        """The next frame as head and body, or None while it is not here whole."""
        start = self.LENGTHS.size
        if len(self.received) < start:
            return None
        head, body = self.LENGTHS.unpack_from(self.received)
        if head > self.HEAD_LIMIT:
            raise ValueError("its head is too long")
        middle, end = start + head, start + head + body
        if len(self.received) < end:
            return None
        frame = decode(self.received[start:middle]), self.received[middle:end]
        del self.received[:end]
        return frame


class Interrupts:
    """SIGINT as a KeyboardInterrupt in a task, and nowhere else: held back where it would hit this file at its work."""

    def __init__(self, is_meant):
        self.is_meant = is_meant  # Whether a signal that came just now is for the task that runs.
        self.open = self.pending = False
        signal.signal(signal.SIGINT, self.handle)

    def handle(self, number, frame):
        self.pending = True
        if self.open:
            self.deliver()

    def deliver(self):
        self.open = self.pending = False
        if self.is_meant():
            raise KeyboardInterrupt
        self.open = True

    def call(self, work):
        """Calls `work`, which a signal may interrupt; returns its value, or a Failure for whatever it raised."""
        try:
            try:
                self.open = True
                if self.pending:
                    self.deliver()
                return work()
            finally:
                self.open = False
        except BaseException as error:
            return failure(error)

    @contextlib.contextmanager
    def shut(self):
        """Holds signals back for a moment. Only the main thread has to: it is the one that handlers run in."""
        was_open = self.open and threading.current_thread() is threading.main_thread()
        if was_open:
            self.open = False
        try:
            yield
        finally:
            if was_open:
                self.open = True
                if self.pending:
                    self.deliver()


class Functions:
    """What a FUNC names: `module:qualname`, or a name of the pool's source or of builtins."""

    def __init__(self):
        self.known = {}
        self.source = types.ModuleType(SOURCE)

    def load(self, text):
        """Runs the pool's source, with its lines at hand for tracebacks."""
        self.source.__file__ = "<source>"
        sys.modules[SOURCE] = self.source
        linecache.cache["<source>"] = len(text), None, text.splitlines(True), "<source>"
        exec(compile(text, "<source>", "exec", dont_inherit=True), vars(self.source))

    def find(self, name):
        if name not in self.known:
            module, colon, path = name.rpartition(":")
            if colon:
                place = importlib.import_module(module)
            elif hasattr(self.source, path.partition(".")[0]):
                place = self.source
            elif hasattr(builtins, path):
                place = builtins
            else:
                raise NameError(f"no {path!r} in the pool's source or in builtins; a module's is written 'module:name'")
            self.known[name] = operator.attrgetter(path)(place)
        return self.known[name]


class Failure(bytes):
    """An ERROR of the protocol, where there would be a value if all had gone well."""


class Cancelled(Exception):
    """The daemon does not want the task done any more."""


class MaybeEncodingError(Exception):
    """A result that is no JSON; the name and the words are multiprocessing's."""

    def __init__(self, error, value):
        try:
            super().__init__(repr(error), repr(value))
        except Exception:
            super().__init__(repr(error), object.__repr__(value))

    def __str__(self):
        return "Error sending result: '%s'. Reason: '%s'" % (self.args[1], self.args[0])


def failure(error):
    kind = type(error)
    is_own = kind.__module__ in ("builtins", __name__, SOURCE)
    name = kind.__qualname__ if is_own else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception:
        message = f"<unprintable {name} object>"
    try:
        text = "".join(traceback.format_exception(kind, error, frames_of_others(error.__traceback__)))
    except Exception:
        text = f"{name}: {message}\n"
    try:
        arguments = printed(error.args)
    except Exception:
        arguments = b"null"
    head = encode({"type": name, "message": message, "traceback": text})[:-1]
    return Failure(head.encode("utf-8", "backslashreplace") + b',"args":' + arguments + b"}")


def frames_of_others(trace):
    """A traceback without the frames of this file, which say nothing about the task."""
    steps = []
    while trace is not None:
        if trace.tb_frame.f_globals is not globals():
            steps.append(trace)
        trace = trace.tb_next
    for step, following in zip(steps, steps[1:] + [None]):
        step.tb_next = following
    return steps[0] if steps else None


def line(result):
    if isinstance(result, Failure):
        return b'{"error":' + result + b"}\n"
    try:
        return b'{"value":' + printed(result) + b"}\n"
    except ValueError as error:
        return line(failure(ValueError(f"not JSON: {error}")))
    except Exception as error:
        return line(failure(MaybeEncodingError(error, result)))


def values(results):
    """All results as one array, which is several times as fast as a line for each; None when one of them is no value."""
    try:
        return printed(results)
    except Exception:
        return None


def lines(results, stop_on_error):
    printed = []
    for result in results:
        printed.append(line(result))
        if stop_on_error and printed[-1].startswith(b'{"error"'):
            break
    return b"".join(printed)


def shared_items(array, start, stop, access):
    """Items of a shared array, as a memoryview of its type; the mapping lives as long as the view does."""
    with open(array["path"], "rb" if access == mmap.ACCESS_READ else "r+b") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=access))
    items = memory[: array["length"] * struct.calcsize(array["typecode"])].cast(array["typecode"])
    if len(items) < array["length"]:
        raise ValueError(f"{array['path']} is shorter than the array")
    return items[start:stop]


def store(values, items):
    """Puts results into a shared array as multiprocessing does: integers wrap, a float is no integer."""
    from multiprocessing.sharedctypes import typecode_to_type

    if items.format == "c":
        values = [value.encode("latin-1") if isinstance(value, str) else value for value in values]
    (typecode_to_type[items.format] * len(items)).from_buffer(items)[:] = values


class Worker:
    def __init__(self, descriptor):
        self.channel = Channel(descriptor)
        self.interrupts = Interrupts(self.is_interrupt_meant)
        self.functions = Functions()
        self.looking = threading.Lock()
        self.waiting = collections.deque()  # The hello frame and the tasks that are here and not begun.
        self.task = None  # The head of the one that runs.
        self.cancelled = set()  # The ids of those that the daemon wants ended.
        self.exit = None  # What to exit with when nothing is waiting; None while there may be more.
        self.is_alone = False  # The daemon is gone.
        self.look_at = self.late_until = 0.0

    def serve(self):
        """Does what the daemon asks for until it says to exit, or is gone."""
        self.begin(*self.next())
        while True:
            self.task, body = self.next()
            identifier = self.task["id"]
            self.interrupts.pending = False
            self.look_at = time.monotonic() + LOOK_INTERVAL
            kind, results = self.do(self.task, body)
            self.task = None
            self.cancelled.discard(identifier)
            self.flush()
            if not self.waiting:
                self.look()
            following = ',"next":%d' % self.waiting[0][0]["id"] if self.waiting else ""
            self.channel.send('{"type":"result","id":%d%s%s}' % (identifier, following, kind), results)

    def begin(self, head, body):
        def get_ready():
            if head["type"] != "hello" or head["protocol"] != PROTOCOL:
                raise ValueError(f"this worker speaks version {PROTOCOL} of the protocol")
            settings = decode(body)
            # In place of the folder that this file is in; Python alone would look there.
            sys.path[:1] = [*settings.get("path", []), ""]
            if settings.get("source") is not None:
                self.functions.load(settings["source"])
            if head.get("initializer") is not None:
                self.functions.find(head["initializer"])(*settings.get("initargs", []))

        result = self.interrupts.call(get_ready)
        self.flush()
        if isinstance(result, Failure):
            self.channel.send('{"type":"failed"}', result)
            sys.exit(1)
        self.channel.send('{"type":"ready","protocol":%d}' % PROTOCOL)

    def next(self):
        if not self.waiting and self.exit is None:
            self.look(wait=True)
        if not self.waiting:
            sys.exit(self.exit)
        return self.waiting.popleft()

    def look(self, wait=False):
        """Takes in what the daemon has sent; with `wait`, until there is work or never will be."""
        if not self.looking.acquire(blocking=wait):
            return  # Another thread of the task is at it.
        try:
            while True:
                self.channel.receive(wait)
                for head, body in iter(self.channel.frame, None):
                    self.take(head, body)
                if not wait or self.waiting or self.exit is not None:
                    return
        except EOFError:
            self.leave(0)
        except Exception as error:
            self.leave(f"procession: no frame of the protocol: {error!r}")
        finally:
            self.looking.release()

    def take(self, head, body):
        kind = head["type"]
        if kind in ("task", "hello"):
            self.waiting.append((head, body))
        elif kind == "cancel":
            here = [self.task] + [task for task, _ in list(self.waiting)]
            if any(task and task.get("id") == head["id"] for task in here):
                self.cancelled.add(head["id"])
            else:
                self.late_until = time.monotonic() + HANDOVER
        elif kind == "exit":
            self.exit = 0
        else:
            raise ValueError(f"type {kind!r}")

    def leave(self, code):
        """Nobody waits for results any more."""
        self.waiting.clear()
        self.exit, self.is_alone = code, True

    def is_interrupt_meant(self):
        """The daemon sends a cancel frame before the signal; if its task has ended by then, so has the signal's."""
        self.look()
        return self.is_cancelled() or time.monotonic() > self.late_until

    def is_cancelled(self):
        return self.is_alone or self.task is not None and self.task["id"] in self.cancelled

    def check_cancelled(self):
        if self.is_cancelled():
            raise Cancelled("the task was cancelled")

    def flush(self):
        """What a task printed comes before its result."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # A task may close or replace them as it likes.
                pass

    def do(self, head, body):
        """Does a task; returns what the head of its result says of the body, and the body."""
        if head["op"] in ("map", "starmap"):
            results = self.map(head, body)
            array = values(results)
            return (',"values":true', array) if array else ("", lines(results, head["stop_on_error"]))
        return "", line(self.interrupts.call(lambda: self.apply(head, body)))

    def apply(self, head, body):
        self.check_cancelled()
        function = self.functions.find(head["func"])
        if head["op"] == "map_array":
            return self.map_array(head, function)
        if head["op"] != "apply":
            raise NotImplementedError(f"op {head['op']!r}")
        call = decode(body)
        return function(*call["args"], **call["kwds"])

    def map(self, head, body):
        """A value or a Failure for each item; with stop_on_error up to the first Failure."""
        prepared = self.interrupts.call(lambda: (self.functions.find(head["func"]), decode(body)))
        if isinstance(prepared, Failure):
            return [prepared] * head["count"]
        function, items = prepared
        called = (lambda item: function(*item)) if head["op"] == "starmap" else function
        results, rest = [], iter(items)
        while len(results) < len(items):
            if self.is_cancelled():
                return results + [failure(Cancelled("the task was cancelled"))] * (len(items) - len(results))
            ended = self.interrupts.call(lambda: self.each(called, rest, results))
            # A signal, or a cancel, may also come when an item is done and the next one not begun.
            if isinstance(ended, Failure) and len(results) + rest.__length_hint__() < len(items):
                results.append(ended)
                if head["stop_on_error"]:
                    break
        return results

    def map_array(self, head, function):
        start, stop, output = head["start"], head["stop"], head["output"]
        given = [shared_items(head["input"], start, stop, mmap.ACCESS_READ)]
        taken = [shared_items(output, start, stop, mmap.ACCESS_WRITE)] if output else []
        if head["vectorized"]:
            value = function(*given, *taken)
            return None if output else value
        items, results = given[0].tolist(), []
        if given[0].format == "c":
            items = [item.decode("latin-1") for item in items]
        self.each(function, items, results)
        return store(results, taken[0]) if output else results

    def each(self, function, items, results):
        """Appends what `function` makes of each item; raises Cancelled between two of them."""
        rest, append = iter(items), results.append
        batch, began = 1, time.monotonic()
        while rest.__length_hint__():
            # No map(), to which a StopIteration of the function's would be the end of the items.
            for item in itertools.islice(rest, batch):
                append(function(item))
            # Where items are quick the clock is read less often.
            now = time.monotonic()
            batch = min(2 * batch, BATCH) if now - began < QUICK else 1
            began = now
            if now > self.look_at:
                with self.interrupts.shut():
                    self.look()
                    self.look_at = time.monotonic() + LOOK_INTERVAL
                self.check_cancelled()

    def module(self):
        """The module `procession`, with which a task speaks of itself."""

        def progress(value):
            """Tells whoever watches how far the task is: any JSON value."""
            task, body = self.task, printed(value)
            if task is not None:
                with self.interrupts.shut():
                    self.channel.send('{"type":"progress","id":%d}' % task["id"], body)

        def cancelled():
            """Whether the task should end, because nobody wants its result any more."""
            with self.interrupts.shut():
                self.look()
            return self.is_cancelled()

        def current_task():
            """The `id`, `op` and `func` of the task that runs, or None."""
            task = self.task
            return task and types.SimpleNamespace(id=task["id"], op=task["op"], func=task["func"])

        module = types.ModuleType("procession", self.module.__doc__)
        vars(module).update(progress=progress, cancelled=cancelled, current_task=current_task)
        return module


def main():
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    faulthandler.enable()
    worker = Worker(3)
    sys.modules["procession"] = worker.module()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        worker.serve()


if __name__ == "__main__":
    main()
