"""What the python worker must do beyond the protocol."""

import array
import json
import math
import os
import signal
import subprocess
import tempfile
import time

import protocol
from protocol import expect

FOLDER = os.path.dirname(os.path.abspath(__file__))
SOURCE = '''
import os, random, signal, subprocess, sys, threading, time
import procession

state = {"level": 0}

class BadInput(Exception):
    pass

class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no words")

class Tools:
    @staticmethod
    def double(x):
        return 2 * x

def echo(x):
    return x

def square(x):
    if not isinstance(x, int):
        raise TypeError("no integer")
    return x * x

def stop_at_2(x):
    if x == 2:
        raise StopIteration
    return x

def nest(levels):
    return {"a": nest(levels - 1)} if levels % 7 == 3 else [nest(levels - 1)] if levels else levels

def fail_deeply(levels):
    raise ValueError(nest(levels))

def slow_square(x):
    for _ in range(500):
        pass
    return x * x

def telling_square(x):
    for step in range(5):
        procession.progress([x, step])
        procession.cancelled()
    return x * x

def raise_storm():
    def run():
        while True:
            time.sleep(random.random() / 2000)
            os.kill(os.getpid(), signal.SIGINT)
    # Between any two steps, not only every few milliseconds.
    sys.setswitchinterval(1e-6)
    threading.Thread(target=run, daemon=True).start()

def fail(x):
    raise BadInput(x)

sleep = time.sleep

def add(x, y=0):
    return x + y

def prepare(level):
    state["level"] = level

def get_level():
    return state["level"]

def caused(x):
    try:
        1 / x
    except ZeroDivisionError as error:
        raise BadInput("of no use", x, {1}) from error

def unprintable():
    raise Unprintable(1)

def recurse():
    recurse()

def of_kind(kind):
    return {"set": {1}, "nan": float("nan"), "infinity": [float("inf")], "half": "\\ud800", "object": object(),
            "keys": {(1, 2): 3}, "generator": (x for x in ()), "large": 10 ** 5000, "bytes": b"x"}[kind]

def circle():
    x = []
    x.append(x)
    return x

def scalar(x):
    return [1, 2.5, None, True, float("nan"), "a,b", [1, 2]][x]

def chatter(text):
    print(text)
    print(text + " without an end", end="")
    sys.stderr.write(text + " of stderr")
    os.write(1, b"raw\\n")
    subprocess.run(["echo", "of a child"], check=True)
    return sys.stdin.read()

def fork_and_return():
    return os.fork() and os.wait()[1]

def descriptors():
    return subprocess.run(["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, close_fds=False).stdout.decode()

def report(count):
    for step in range(count):
        procession.progress({"step": step})
    thread = threading.Thread(target=procession.progress, args=("from a thread",))
    thread.start()
    thread.join()
    return vars(procession.current_task())

def wait_for_cancel():
    procession.progress("begun")
    while not procession.cancelled():
        time.sleep(0.01)
    return "ended early"

def begin_and_sleep(seconds):
    procession.progress("begun")
    time.sleep(seconds)
    return seconds

def total(view):
    return [sum(view), view.format, len(view), view.readonly]

def scale(given, taken):
    for index, value in enumerate(given):
        taken[index] = 10 * value

def upper(character):
    return character.upper()
'''
CHECKS = []


def check(what):
    def note(function):
        CHECKS.append((f"python: {what}", function))
        return function

    return note


@check("module:qualname, builtins, the source's own functions, modules of path")
def functions(start):
    worker = start()
    expect(worker.value("math:sqrt", 9) == 3.0, "math:sqrt")
    expect(worker.value("os.path:basename", "a/b") == "b", "os.path:basename")
    expect(worker.value("collections:OrderedDict.fromkeys", "ab", 1) == {"a": 1, "b": 1}, "a method of a class")
    expect(worker.value("builtins:len", [1, 2]) == worker.value("len", "ab") == 2, "builtins")
    expect(worker.value("Tools.double", 4) == 8, "a method of the source")
    expect(worker.value("add", 1, y=2) == 3, "keyword arguments")
    expect(worker.value("protocol:strict", "[1]") == [1], "a module of path")
    for func, kind in (("no_such", "NameError"), ("math:no_such", "AttributeError"), ("state", "TypeError"),
                       ("no_such:f", "ModuleNotFoundError"), ("Tools.no_such", "AttributeError"), ("worker:main", "ModuleNotFoundError")):
        expect(worker.error(func)["type"] == kind, f"{func}: {worker.error(func)}")


@check("starmap")
def starmap(start):
    worker = start()
    lines = worker.outcome(worker.map_task("add", [[1, 2], [3], 4, "ab"], op="starmap"))
    expect([line.get("value") for line in lines] == [3, 3, None, "ab"], f"{lines}")
    expect(lines[2]["error"]["type"] == "TypeError", f"{lines}")


@check("map: values come as one array, and a StopIteration is an error like others")
def arrays(start):
    worker = start()
    worker.socket.sendall(worker.map_task("echo", [1, "a", None, [2]]))
    head, lines = worker.result()
    expect(head.get("values") is True and lines[3] == {"value": [2]}, f"{head} {lines}")
    worker.socket.sendall(worker.map_task("stop_at_2", list(range(40))))
    head, lines = worker.result()
    expect("values" not in head and len(lines) == 40, f"{head} with {len(lines)} lines")
    expect([index for index, line in enumerate(lines) if "error" in line] == [2], f"{lines}")
    expect(lines[2]["error"]["type"] == "StopIteration", f"{lines[2]}")


@check("results that are nested more deeply than the daemon reads are errors")
def depth(start):
    worker = start()
    expect(worker.value("nest", 60) is not None, "60 levels")
    expect(worker.error("nest", 61)["type"] == "ValueError", "61 levels")
    lines = worker.outcome(worker.map_task("nest", [2, 60, 61, 3]))
    expect(["value" in line for line in lines] == [True, True, False, True], f"{lines}")
    expect(worker.value("echo", [[number] for number in range(200)])[199] == [199], "many that are not deep")
    expect(worker.error("fail_deeply", 70)["args"] is None, "arguments of an error")


@check("errors: the source's lines, causes and arguments are in them, frames of the worker are not")
def errors(start):
    worker = start()
    error = worker.error("caused", 0)
    expect(error["type"] == "BadInput" and error["args"] is None, f"{error}")
    for part in ('raise BadInput("of no use", x, {1}) from error', "1 / x", "ZeroDivisionError: division by zero",
                 "direct cause", 'File "<source>", line ', "in caused"):
        expect(part in error["traceback"], f"{part} is not in {error['traceback']}")
    expect(error["traceback"].count('File "') == error["traceback"].count('File "<source>"') == 2, error["traceback"])
    expect(worker.error("fail", "x")["args"] == ["x"], "args")
    expect(worker.error("json:loads", "{")["type"] == "json.decoder.JSONDecodeError", "a qualified name")
    expect("unprintable" in worker.error("unprintable")["message"], "an error that cannot be printed")
    expect(worker.error("recurse")["type"] == "RecursionError", "recursion")
    expect(worker.error("fail", "\ud83d\ude00 and é")["message"] == "😀 and é", "text beyond ASCII")


@check("results that are no JSON are errors")
def no_json(start):
    worker = start()
    for kind in ("set", "object", "keys", "generator", "bytes"):
        error = worker.error("of_kind", kind)
        expect(error["type"] == "MaybeEncodingError", f"{kind}: {error}")
        expect(error["message"].startswith("Error sending result: '"), f"{error}")
    expect("{1}" in worker.error("of_kind", "set")["message"], "the result's repr")
    expect(worker.error("circle")["type"] == "MaybeEncodingError", "a list in itself")
    for kind in ("nan", "infinity", "half"):
        error = worker.error("of_kind", kind)
        expect(error["type"] == "ValueError" and "not JSON" in error["message"], f"{kind}: {error}")
    lines = worker.outcome(worker.map_task("scalar", [0, 1, 2, 3, 4, 5, 6]))
    expect([line.get("value") for line in lines] == [1, 2.5, None, True, None, "a,b", [1, 2]], f"{lines}")
    expect(lines[4]["error"]["type"] == "ValueError", f"{lines}")
    lines = worker.outcome(worker.map_task("echo", ["a,b", "c", ",", '",']))
    expect(lines == [{"value": "a,b"}, {"value": "c"}, {"value": ","}, {"value": '",'}], f"{lines}")
    lines = worker.outcome(worker.map_task("scalar", [0, 1, 2, 3]))
    expect(lines == [{"value": 1}, {"value": 2.5}, {"value": None}, {"value": True}], f"{lines}")
    lines = worker.outcome(worker.map_task("scalar", [0, 4, 1], stop_on_error=True))
    expect(len(lines) == 2 and "error" in lines[1], f"{lines}")


@check("an initializer runs first, with its arguments")
def initializer(start):
    worker = start(initializer="prepare", body={"initargs": [7]})
    expect(worker.value("get_level") == 7, "the initializer's work is not seen")


@check("an initializer, a source or a version that will not do is told, and ends the worker")
def failing_initializer(start):
    for options, kind in (
        ({"initializer": "fail", "body": {"initargs": ["why"]}}, "BadInput"),
        ({"initializer": "no_such"}, "NameError"),
        ({"initializer": "sys:exit", "body": {"initargs": [3]}}, "SystemExit"),
        ({"body": {"source": "def f(:\n"}}, "SyntaxError"),
        ({"body": {"source": "1 / 0\n"}}, "ZeroDivisionError"),
        ({"version": 2}, "ValueError"),
    ):
        worker = start(ready=False, **options)
        head, body = worker.receive()
        expect(head["type"] == "failed", f"{head}")
        error = json.loads(body)
        worker.check_error(error)
        expect(error["type"] == kind, f"{error} for {kind}")
        expect(worker.exitcode() == 1, "its exit code")


@check("sys.exit in a task is an error, and the worker goes on")
def system_exit(start):
    worker = start()
    error = worker.error("sys:exit", 3)
    expect(error["type"] == "SystemExit" and error["args"] == [3], f"{error}")
    lines = worker.outcome(worker.map_task("sys:exit", ["a", 1]))
    expect([line["error"]["type"] for line in lines] == ["SystemExit"] * 2, f"{lines}")
    expect(worker.value("square", 3) == 9, "a task after it")


@check("os._exit and a crash end it")
def crash(start):
    for func, argument, exitcode in (("os:_exit", 7, 7), ("ctypes:string_at", 0, -signal.SIGSEGV)):
        worker = start()
        worker.socket.sendall(worker.apply_task(func, argument))
        expect(worker.exitcode() == exitcode, func)


@check("SIGTERM ends it, in a task too")
def terminate(start):
    worker = start()
    worker.socket.sendall(worker.apply_task("begin_and_sleep", 30))
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.process.terminate()
    expect(worker.exitcode() == -signal.SIGTERM, "its exit code")


@check("`next` names a task that was sent ahead")
def names_next(start):
    worker = start()
    worker.socket.sendall(worker.apply_task("sleep", 0.2) + worker.apply_task("begin_and_sleep", 0.2))
    expect(worker.result(1)[0].get("next") == 2, "no next, though both came at once")
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.socket.sendall(worker.apply_task("square", 5))
    expect(worker.result(2)[0].get("next") == 3, "no next, though it came in time")
    expect("next" not in worker.result(3)[0], "a next of nothing")


@check("SIGINT is a KeyboardInterrupt in the task that runs, and in no other")
def interrupt(start):
    worker = start()
    worker.interrupt()
    expect(worker.value("square", 3) == 9, "a task after a signal that came between tasks")
    worker.socket.sendall(worker.apply_task("begin_and_sleep", 30) + worker.apply_task("square", 4))
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.interrupt()
    expect(worker.result(2)[1][0]["error"]["type"] == "KeyboardInterrupt", "no KeyboardInterrupt")
    expect(worker.result(3)[1] == [{"value": 16}], "the task after it")
    worker.socket.sendall(worker.map_task("begin_and_sleep", [30, 0]))
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.interrupt()
    lines = worker.result()[1]
    expect(lines[0]["error"]["type"] == "KeyboardInterrupt" and lines[1] == {"value": 0}, f"{lines}")


@check("a SIGINT that was meant for a task that is over interrupts none")
def late_interrupt(start):
    worker = start()
    expect(worker.value("square", 3) == 9, "square of 3")
    worker.socket.sendall(worker.apply_task("begin_and_sleep", 0.5))
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.send({"type": "cancel", "id": 1})
    worker.interrupt()
    expect(worker.result()[1] == [{"value": 0.5}], "the wrong one was interrupted")


@check("cancel with SIGINT interrupts an item and leaves out the rest of its chunk")
def cancel_chunk(start):
    worker = start()
    worker.socket.sendall(worker.map_task("begin_and_sleep", [0, 30, 0]) + worker.apply_task("square", 5))
    for _ in range(2):
        expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.send({"type": "cancel", "id": 1})
    worker.interrupt()
    lines = worker.result(1)[1]
    expect(lines[0] == {"value": 0}, f"{lines}")
    expect([line["error"]["type"] for line in lines[1:]] == ["KeyboardInterrupt", "Cancelled"], f"{lines}")
    expect(worker.result(2)[1] == [{"value": 25}], "the task after it")


@check("cancel alone ends a chunk between two items, and a task that has not begun before it does")
def cancel_quietly(start):
    worker = start()
    worker.socket.sendall(worker.map_task("sleep", [0.06] * 100) + worker.apply_task("sleep", 30))
    worker.send({"type": "cancel", "id": 2})
    worker.send({"type": "cancel", "id": 1})
    lines = worker.result(1)[1]
    expect(len(lines) == 100 and lines[-1]["error"]["type"] == "Cancelled", f"{lines[-1]}")
    expect(worker.result(2)[1][0]["error"]["type"] == "Cancelled", "the task that had not begun")
    worker.socket.sendall(worker.map_task("sleep", [0.06] * 100, stop_on_error=True))
    worker.send({"type": "cancel", "id": 3})
    lines = worker.result(3)[1]
    expect(len(lines) < 100 and ["error" in line for line in lines].index(True) == len(lines) - 1, f"{lines}")


@check("procession.cancelled tells a task that it should end")
def cooperative_cancel(start):
    worker = start()
    worker.socket.sendall(worker.apply_task("wait_for_cancel"))
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.send({"type": "cancel", "id": 1})
    expect(worker.result()[1] == [{"value": "ended early"}], "it did not end early")
    worker.socket.sendall(worker.apply_task("wait_for_cancel"))
    expect(worker.receive()[0]["type"] == "progress", "it has not begun")
    worker.socket.close()
    worker.process.wait(protocol.PATIENCE)


@check("procession.progress and current_task")
def progress(start):
    worker = start()
    about = worker.value("report", 3)
    expect(about == {"id": 1, "op": "apply", "func": "report"}, f"{about}")
    expect(worker.progress == [{"step": 0}, {"step": 1}, {"step": 2}, "from a thread"], f"{worker.progress}")


@check("what a task prints goes to stdout and stderr, whole and in time; stdin is empty")
def noise(start):
    worker = start(output=subprocess.PIPE)
    expect(worker.value("chatter", "text") == "", "stdin was not empty")
    written = os.read(worker.process.stdout.fileno(), 1 << 16).decode()
    for part in ("text\n", "without an end", "raw\n", "of a child\n"):
        expect(part in written, f"{part!r} is not in {written!r}")


@check("children of a task have no hold of the socket")
def children(start):
    worker = start()
    expect("socket:" not in worker.value("descriptors"), "a child has it")
    expect(worker.value("fork_and_return") != 0, "a forked child answered in its parent's stead")
    expect(worker.value("square", 3) == 9, "a task after it")


@check("a storm of SIGINT between and in short tasks: every item has its own line")
def interrupt_storm(start):
    worker = start()
    worker.apply("raise_storm")  # It may interrupt this already.
    until, rounds, interrupted = time.monotonic() + protocol.PATIENCE, 0, 0
    while (rounds < 20 or interrupted < 200) and time.monotonic() < until:
        rounds += 1
        func = ("slow_square", "telling_square")[rounds % 2]
        chunks = [list(range(number, number + 50)) for number in range(20)]
        worker.socket.sendall(b"".join(worker.map_task(func, chunk) for chunk in chunks))
        for identifier, chunk in enumerate(chunks, worker.last - len(chunks) + 1):
            lines = worker.result(identifier)[1]
            expect(len(lines) == len(chunk), f"{len(lines)} lines for {len(chunk)} items")
            for item, line in zip(chunk, lines):
                if "error" in line:
                    expect(line["error"]["type"] == "KeyboardInterrupt", f"{line}")
                    interrupted += 1
                else:
                    expect(line["value"] == item * item, f"{line} for {item}")
    expect(rounds >= 20 and interrupted >= 200, f"{rounds} rounds, {interrupted} interrupted")


class Shared:
    """A file with an array, as the service makes it in /dev/shm."""

    def __init__(self, typecode, values):
        values = array.array("B", values) if typecode == "c" else array.array(typecode, values)
        self.typecode, self.length = typecode, len(values)
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(values.tobytes())
        self.path = file.name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.unlink(self.path)

    @property
    def place(self):
        return {"path": self.path, "typecode": self.typecode, "length": self.length}

    @property
    def values(self):
        with open(self.path, "rb") as file:
            data = file.read()
        return data if self.typecode == "c" else list(array.array(self.typecode, data))


@check("map_array: items and chunks of shared arrays, with ctypes' rules for what is stored")
def map_array(start):
    worker = start()

    def result(func, given, taken=None, vectorized=False, first=0, last=None):
        frame = worker.task(
            "map_array", func, start=first, stop=given.length if last is None else last, vectorized=vectorized,
            input=given.place, output=taken and taken.place)
        lines = worker.outcome(frame)
        expect(len(lines) == 1, f"{len(lines)} lines")
        return lines[0]

    with Shared("i", range(10)) as numbers, Shared("d", [0] * 10) as taken, Shared("b", [0] * 10) as narrow:
        expect(result("square", numbers, first=2, last=5) == {"value": [4, 9, 16]}, "items without an output")
        expect(result("math:sqrt", numbers, taken, first=3) == {"value": None}, "items with an output")
        expect(taken.values == [0, 0, 0] + [math.sqrt(number) for number in range(3, 10)], f"{taken.values}")
        expect(result("total", numbers, vectorized=True, first=1, last=4) == {"value": [6, "i", 3, True]}, "a chunk")
        expect(result("scale", numbers, taken, vectorized=True, first=0, last=2) == {"value": None}, "a chunk")
        expect(taken.values[:3] == [0.0, 10.0, 0.0], f"{taken.values}")
        expect(result("math:factorial", numbers, narrow) == {"value": None}, "integers wrap")
        expect(narrow.values == [1, 1, 2, 6, 24, 120, -48, -80, -128, -128], f"{narrow.values}")
        expect(result("math:sqrt", numbers, narrow)["error"]["type"] == "TypeError", "a float is no integer")
        expect("error" in result("fail", numbers, taken), "an error")
        numbers.length = 11
        expect("error" in result("square", numbers), "an array that is shorter than it is said to be")
    with Shared("c", b"abc") as text:
        expect(result("upper", text) == {"value": ["A", "B", "C"]}, "characters")
        expect(result("upper", text, text) == {"value": None} and text.values == b"ABC", "characters in place")
    for typecode in "bBhHiIlLqQfd":
        with Shared(typecode, [3, 4]) as given, Shared(typecode, [0, 0]) as taken:
            expect(result("int", given, taken) == {"value": None} and taken.values == [3, 4], typecode)
