#!/usr/bin/env python3
"""Runs a worker through the worker protocol (Sources/CEmbedded/PROTOCOL.md), as the daemon would:

    conformance.py [--python] COMMAND [ARGUMENT...]

The worker has to know four functions: `echo` returns its argument, `square` that of an integer (an error for what is none),
`fail` raises an error with its argument in the message, `sleep` returns after so many seconds. With --python it is held to be
the python worker, gets the functions as its source, and must do more. A line for each check; exits 1 if one failed.
"""

import sys
import time

import protocol
from protocol import Broken, expect

CHECKS = []


def check(what):
    def note(function):
        CHECKS.append((what, function))
        return function

    return note


@check("is ready after hello")
def is_ready(start):
    start()


@check("apply: JSON values come back as they are")
def echo(start):
    worker = start()
    for value in (1, -2.5, "", "text", "ü €", 'a "quoted" one, \\ and \n', None, True, [], [1, [2, "]"]], {"a": {"b": "}"}}):
        expect(worker.value("echo", value) == value, f"echo of {value!r}")
    expect(worker.value("square", 12) == 144, "square of 12")


@check("apply: white space in a client's JSON is no matter")
def white_space(start):
    worker = start()
    body = b'{"args":[ \t12 \n],"kwds":{ }}'
    expect(worker.outcome(worker.task("apply", "square", body=body)) == [{"value": 144}], "square of 12 in white space")
    body = b'{"args":[[1,\n {"a":\n 2}]],"kwds":{}}'
    expect(worker.outcome(worker.task("apply", "echo", body=body)) == [{"value": [1, {"a": 2}]}], "echo of several lines")
    lines = worker.outcome(worker.map_task("square", [1, 2, 3], body=b"[ 1 ,\n\t2, 3 ]"))
    expect(lines == [{"value": 1}, {"value": 4}, {"value": 9}], f"{lines}")


@check("apply: an error has a type, a message and a traceback, and the worker goes on")
def error(start):
    worker = start()
    problem = worker.error("fail", "that is why")
    expect(problem["type"] and "that is why" in problem["message"], f"{problem}")
    expect(worker.value("square", 3) == 9, "a task after an error")


@check("apply: an unknown function is an error, and the worker goes on")
def unknown_function(start):
    worker = start()
    worker.error("no_such_function", 1)
    lines = worker.outcome(worker.map_task("no_such_function", [1, 2, 3]))
    expect(len(lines) == 3 and all("error" in line for line in lines), f"{lines}")
    expect(worker.value("square", 3) == 9, "a task after it")


@check("map: a line for each item, in order")
def map_items(start):
    worker = start()
    for count in (1, 2, 10, 500):
        lines = worker.outcome(worker.map_task("square", list(range(count))))
        expect(lines == [{"value": item * item} for item in range(count)], f"map of {count}")
    texts = ["a", "bc", "", "d"]
    expect(worker.outcome(worker.map_task("echo", texts)) == [{"value": text} for text in texts], "echo of strings")


@check("map: errors are in their places")
def map_errors(start):
    worker = start()
    lines = worker.outcome(worker.map_task("square", [1, "x", 3]))
    expect(["value" in line for line in lines] == [True, False, True], f"{lines}")
    lines = worker.outcome(worker.map_task("fail", [1, 2, 3]))
    expect(len(lines) == 3 and all("error" in line for line in lines), f"{lines}")


@check("map: stop_on_error ends with the first error")
def stop_on_error(start):
    worker = start()
    lines = worker.outcome(worker.map_task("square", [1, "x", 3], stop_on_error=True))
    expect(["value" in line for line in lines] == [True, False], f"{lines}")
    lines = worker.outcome(worker.map_task("no_such_function", [1, 2, 3], stop_on_error=True))
    expect(len(lines) == 1 and "error" in lines[0], f"{lines}")
    expect(worker.value("square", 3) == 9, "a task after it")


@check("an unknown op is an error, and the worker goes on")
def unknown_op(start):
    worker = start()
    lines = worker.outcome(worker.task("guess", "square", body=b"[1]"))
    expect("error" in lines[0], f"{lines}")
    expect(worker.value("square", 3) == 9, "a task after it")


@check("two tasks at once: `next` names the one that it begins, if any")
def window(start):
    worker = start()
    first, second = worker.apply_task("sleep", 0.2), worker.apply_task("square", 5)
    worker.socket.sendall(first + second)
    head, _ = worker.result(1)
    expect(head.get("next", 2) == 2, f"{head}")
    head, lines = worker.result(2)
    expect(lines == [{"value": 25}] and head.get("next") is None, f"{head}")


@check("two tasks at once: a result does not wait for the next task")
def not_held_back(start):
    worker = start()
    first, second = worker.apply_task("square", 5), worker.apply_task("sleep", 3)
    worker.socket.sendall(first + second)
    sent = time.monotonic()
    worker.result(1)
    expect(time.monotonic() - sent < 2, "it came with the next one")


@check("tasks are done in order, however many are sent ahead")
def many_ahead(start):
    worker = start()
    worker.socket.sendall(b"".join(worker.apply_task("square", number) for number in range(200)))
    for number in range(200):
        _, lines = worker.result(number + 1)
        expect(lines == [{"value": number * number}], f"{lines} for {number}")


@check("members of a head that are unknown are ignored")
def unknown_members(start):
    worker = start()
    body = {"args": [4], "kwds": {}}
    lines = worker.outcome(worker.task("apply", "square", body=body, urgency="high", trace={"id": [1, "}"]}))
    expect(lines == [{"value": 16}], f"{lines}")


@check("cancel of a task that is over, or of none, is no matter")
def cancel_nothing(start):
    worker = start()
    expect(worker.value("square", 4) == 16, "square of 4")
    worker.send({"type": "cancel", "id": 1})
    worker.send({"type": "cancel", "id": 1000})
    expect(worker.value("square", 5) == 25, "a task after cancel")


@check("frames that come byte by byte")
def byte_by_byte(start):
    worker = start()
    worker.send_byte_by_byte(worker.apply_task("square", 6) + worker.map_task("square", [7, 8]))
    expect(worker.result(1)[1] == [{"value": 36}], "square of 6")
    expect(worker.result(2)[1] == [{"value": 49}, {"value": 64}], "squares of 7 and 8")


@check("10 MB there and back")
def big_bodies(start):
    worker = start()
    text = "0123456789abcdef" * (10 << 16)
    expect(worker.value("echo", text) == text, "10 MB did not come back")
    expect(worker.value("square", 3) == 9, "a task after it")


@check("exit: does what it has received, then exits with 0")
def orderly_exit(start):
    worker = start()
    worker.socket.sendall(worker.apply_task("sleep", 0.2) + worker.apply_task("square", 5))
    worker.send({"type": "exit"})
    worker.result(1)
    worker.result(2)
    expect(worker.exitcode() == 0, "another exit code")


@check("end of file: exits")
def end_of_file(start):
    worker = start()
    worker.socket.shutdown(protocol.socket.SHUT_WR)
    worker.exitcode()


@check("end of file in a task: exits when it is done")
def end_of_file_in_a_task(start):
    worker = start()
    worker.socket.sendall(worker.apply_task("sleep", 0.3))
    worker.socket.close()
    worker.process.wait(protocol.PATIENCE)


@check("a frame of an unknown type: exits")
def unknown_type(start):
    worker = start()
    worker.send({"type": "surprise"})
    worker.exitcode()


def run(checks, start):
    """Runs the checks, each with a worker of its own; returns whether none failed."""
    failed = 0
    for what, function in checks:
        workers = []

        def started(*arguments, ready=True, **options):
            worker = start(*arguments, **options)
            workers.append(worker)
            return worker.ready() if ready else worker

        verdict, why = "ok", ""
        try:
            function(started)
        except Exception as problem:
            verdict, why = "FAILED", f": {'' if isinstance(problem, Broken) else type(problem).__name__ + ' '}{problem}"
        finally:
            for worker in workers:
                worker.__exit__()
        failed += verdict == "FAILED"
        print(f"{verdict:8}{what}{why[:500]}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return not failed


def main():
    command = sys.argv[1:]
    is_python = command[:1] == ["--python"]
    command = command[is_python:]
    if not command or command[0].startswith("--"):
        sys.exit(__doc__)
    protocol.occupy_descriptor_3()
    checks = list(CHECKS)
    common = {"initargs": []}
    if is_python:
        import python_worker

        checks += python_worker.CHECKS
        common.update(source=python_worker.SOURCE, path=[python_worker.FOLDER])

    def start(body=None, **options):
        return protocol.Worker(command, body={**common, **(body or {})}, **options)

    sys.exit(0 if run(checks, start) else 1)


if __name__ == "__main__":
    main()
