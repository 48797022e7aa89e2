#!/usr/bin/env python3
"""Calls every operation of a running service, in success and in failure, and holds each answer against openapi.yaml: its
status, its headers, its content type and its body.

    check_schemas.py URL TOKEN_FILE

The service must be one of its own, without --allow-command. What is started here is ended here."""

import json
import re
import sys
import time

from specification import Checker

ECHO = {"command": ["/bin/echo", "hello"], "labels": {"team": "blue"}}
SLEEP = {"command": ["/bin/sleep", "60"]}
# The documents that operations on one thing need to have, whatever that is.
BODIES = {
    "signalProcess": {"signal": 15},
    "setProcessAlarm": {"seconds": 1},
    "resizeProcess": {"rows": 24, "cols": 80},
    "addToArrayItem": {"value": 1},
    "ackMessage": {"receipt": "0" * 16},
    "nackMessage": {"receipt": "0" * 16},
    "touchMessage": {"receipt": "0" * 16},
    "compareExchangeArrayItem": {"expected": 0, "desired": 1},
    "addToValue": {"value": 1},
    "resizePool": {"processes": 1},
    "applyPool": {"func": "math:sqrt"},
    "applyPoolAsync": {"func": "math:sqrt"},
    "mapPool": {"func": "math:sqrt", "iterable": []},
    "mapPoolAsync": {"func": "math:sqrt", "iterable": []},
    "starmapPool": {"func": "math:sqrt", "iterable": []},
    "starmapPoolAsync": {"func": "math:sqrt", "iterable": []},
    "imapPool": {"func": "math:sqrt", "iterable": []},
    "imapPoolUnordered": {"func": "math:sqrt", "iterable": []},
    "imapPoolAsync": {"func": "math:sqrt", "iterable": []},
    "imapPoolUnorderedAsync": {"func": "math:sqrt", "iterable": []},
    "compareExchangeValue": {"expected": 0, "desired": 1},
}


def health(c):
    for name in ("getHealth", "getReadiness"):
        c.call(name, 200, token="")
        c.call(name, 422, query={"verbose": "1"})
        c.call(name, 403, headers={"Host": "example.com"})
    c.call("getVersion", 200)
    c.call("getVersion", 401, token="")
    c.call("getVersion", 401, token="wrong")
    answer = c.call("getSpecification", 200)
    c.expect(b"openapi: 3.1" in answer.body, "the service has its specification")
    c.expect(b"procession_requests_total" in c.call("getMetrics", 200).body, "the counters are there")


def processes(c):
    made = c.call("createProcess", 201, ECHO).json
    name = made["name"]
    c.expect(name.startswith("Process-"), "the service picks a name")
    ended = c.call("joinProcess", 200, query={"timeout": 10}, name=name).json
    c.expect(ended["exitcode"] == 0 and ended["exit"]["reason"] == "exited", "it ended well")
    c.call("getProcess", 200, name=name)
    answer = c.call("readProcessOutput", 200, name=name)
    c.expect(answer.body == b"hello\n", "the output is there")
    c.call("readProcessOutput", 200, query={"follow": "true", "stream": "both", "offset": -3}, name=name)
    c.call("readProcessOutput", 200, headers={"Accept": "text/event-stream"}, name=name)
    c.call("readProcessOutput", 200, headers={"Accept": "text/event-stream", "Last-Event-ID": "3"}, name=name)
    for wrong in ("x", "-1", str(2**63), str(2**64 - 1)):
        c.call("readProcessOutput", 422, headers={"Accept": "text/event-stream", "Last-Event-ID": wrong}, name=name)
    c.call("readProcessOutput", 200, headers={"Accept": "text/event-stream", "Last-Event-ID": str(2**63 - 1)}, name=name)
    c.call("readProcessOutput", 200, query={"offset": 2**63 - 1}, name=name)
    c.call("readProcessOutput", 200, query={"offset": -(2**63 - 1)}, name=name)
    c.call("readProcessOutput", 422, query={"stream": "stdin", "offset": "x"}, name=name)
    c.call("startProcess", 409, name=name)
    c.call("signalProcess", 409, {"signal": "TERM"}, name=name)
    c.call("setProcessAlarm", 409, {"seconds": 1}, name=name)
    c.call("terminateProcess", 200, name=name)
    c.call("killProcess", 200, name=name)
    c.call("writeProcessStdin", 410, b"hello", "text/plain", name=name)
    page = c.call("listProcesses", 200, query={"label": "team=blue", "prefix": "Process-", "state": "exited", "limit": 1}).json
    c.expect([item["name"] for item in page["items"]] == [name], "the list has it")
    c.call("deleteProcess", 204, name=name)
    c.call("deleteProcess", 404, name=name)

    everything = {
        "name": "everything",
        "command": ["/bin/sleep"],
        "args": ["60"],
        "env": {"TOKEN": "secret"},
        "inherit_env": True,
        "cwd": "/",
        "umask": "027",
        "stdin": {"text": "hello"},
        "stdout": "null",
        "stderr": "stdout",
        "signals": {"SIGUSR1": "ignore", "SIGUSR2": "default"},
        "mask": ["SIGHUP", "WINCH"],
        "limits": {"open_files": 64, "core": 0},
        "timeout": {"seconds": 300, "signal": "SIGINT", "grace": 0.5},
        "daemon": True,
        "labels": {"team": "red"},
        "start": False,
    }
    answer = c.call("putProcess", 201, everything, name="everything")
    c.expect(b"secret" not in answer.body, "the value of a variable is a secret")
    c.call("putProcess", 200, everything, name="everything")
    c.call("putProcess", 409, ECHO, name="everything")
    c.call("putProcess", 422, dict(ECHO, name="other"), name="everything")
    c.call("createProcess", 409, dict(ECHO, name="everything"))
    c.call("joinProcess", 409, name="everything")
    c.call("stopProcess", 409, name="everything")
    c.call("killProcess", 409, name="everything")
    for verb in ("getProcessTree", "pauseProcess", "resumeProcess"):
        c.call(verb, 409, name="everything")
    c.call("startProcess", 200, name="everything")
    c.call("deleteProcess", 409, name="everything")
    c.call("signalProcess", 200, {"signal": "SIGUSR1"}, name="everything")
    c.call("signalProcess", 200, {"signal": 10, "to": "group"}, name="everything")
    c.call("signalProcess", 200, {"signal": "USR1", "to": "tree"}, name="everything")
    c.call("signalProcess", 422, {"signal": "SIGNOTHING", "to": "all", "x": 1}, name="everything")
    rows = c.call("getProcessTree", 200, name="everything").json["items"]
    c.expect(rows and rows[0]["pid"] == c.call("getProcess", 200, name="everything").json["pid"], f"it is in its tree: {rows}")
    paused = c.call("pauseProcess", 200, name="everything").json
    c.expect(paused == {"paused": [rows[0]["pid"]], "running": []}, f"it does not run: {paused}")
    c.expect(c.call("getProcessTree", 200, name="everything").json["items"][0]["state"] == "stopped", "its state says so")
    resumed = c.call("resumeProcess", 200, name="everything").json
    c.expect(resumed == {"resumed": [rows[0]["pid"]]}, f"it goes on: {resumed}")
    c.call("resizeProcess", 409, {"rows": 24, "cols": 80}, name="everything")
    c.call("setProcessAlarm", 200, {"seconds": 600.5}, name="everything")
    c.expect(c.call("setProcessAlarm", 200, {"seconds": 0}, name="everything").json["previous"] > 500, "the alarm was set")
    c.call("joinProcess", 200, query={"block": "false"}, name="everything")
    c.call("joinProcess", 200, query={"timeout": "1e-05"}, name="everything")
    for wrong in ("-1", "nan", "1e999", "0x1p3", ""):
        c.call("joinProcess", 422, query={"timeout": wrong}, name="everything")
    c.call("joinProcess", 415, b"hello", "text/plain", name="everything")
    c.call("getState", 200)
    c.call("stopProcess", 422, {"grace": -1}, name="everything")
    report = c.call("stopProcess", 200, {"signal": "SIGTERM", "grace": 5}, name="everything").json
    c.expect(report["process"]["state"] == "stopped" and not report["survivors"], "it was stopped")
    c.call("deleteProcess", 204, name="everything")

    c.call("createProcess", 201, {"name": "reader", "command": ["/bin/cat"], "stdin": "pipe"})
    written = c.call("writeProcessStdin", 200, b"\xff\x00\xfe", query={"close": "true"}, name="reader").json
    c.expect(written == {"written": 3, "complete": True}, "all was written")
    c.call("joinProcess", 200, query={"timeout": 10}, name="reader")
    c.call("readProcessOutput", 200, headers={"Accept": "text/event-stream"}, name="reader")
    c.call("deleteProcess", 204, name="reader")

    c.call("createProcess", 422, {"command": ["/bin/cat"], "tty": {"rows": 24, "cols": 80}, "stdout": "null"})
    c.call("createProcess", 422, {"command": ["/bin/cat"], "tty": {"rows": 0}, "mask": ["KILL"]})
    made = c.call("createProcess", 201, {"name": "screen", "command": ["/bin/cat"], "tty": {"rows": 24, "cols": 80}}).json
    c.expect(made["tty"] == {"rows": 24, "cols": 80} and made["stderr"] == "stdout", f"it has a terminal: {made}")
    c.call("resizeProcess", 422, {"rows": 1, "cols": 70000, "depth": 1}, name="screen")
    resized = c.call("resizeProcess", 200, {"rows": 50, "cols": 132}, name="screen").json
    c.expect(resized["tty"] == {"rows": 50, "cols": 132}, "it has another size")
    c.call("writeProcessStdin", 422, b"x", query={"close": "true"}, name="screen")
    c.call("writeProcessStdin", 200, b"x\n\x04", name="screen")
    c.call("joinProcess", 200, query={"timeout": 10}, name="screen")
    c.expect(c.call("readProcessOutput", 200, name="screen").body == b"x\r\nx\r\n", "what is typed is shown and read")
    c.call("deleteProcess", 204, name="screen")

    for verb, number in (("terminateProcess", 15), ("killProcess", 9)):
        c.call("createProcess", 201, dict(SLEEP, name="sleeper"))
        c.call(verb, 200, name="sleeper")
        ended = c.call("joinProcess", 200, query={"timeout": 10}, name="sleeper").json
        c.expect(ended["exitcode"] == -number, f"{verb} sends {number}")
        c.call("deleteProcess", 204, name="sleeper")

    c.call("createProcess", 201, dict(SLEEP, name="late", timeout={"seconds": 0.1}))
    ended = c.call("joinProcess", 200, query={"timeout": 10}, name="late").json
    c.expect(ended["exit"]["reason"] == "timeout", "its time was up")
    c.call("deleteProcess", 204, name="late")


def refusals(c):
    c.call("createProcess", 400, b'{"command": [', "application/json")
    c.call("createProcess", 415, b"command=x", "application/x-www-form-urlencoded")
    c.call("createProcess", 401, ECHO, token="")
    c.call("createProcess", 413, b"", headers={"Content-Length": str(1 << 40)}, content_type="application/json")
    problem = c.call("createProcess", 422, {"command": [], "umask": 9999, "signals": {"SIGKILL": "ignore"}, "colour": "red"}).json
    pointers = {error["pointer"] for error in problem["errors"]}
    c.expect(pointers == {"/command", "/umask", "/signals/SIGKILL", "/colour"}, f"every wrong field is named: {pointers}")
    c.call("createProcess", 422, ["/bin/echo"])
    c.call("createProcess", 422, dict(ECHO, name="current"))
    problem = c.call("createProcess", 422, {"command": ["/bin/nothing"]}).json
    c.expect((problem["step"], problem["errno"]) == ("exec", "ENOENT"), "a start that failed says where")
    problem = c.call("createProcess", 422, dict(ECHO, cwd="/nothing")).json
    c.expect((problem["step"], problem["errno"]) == ("cwd", "ENOENT"), "a start that failed says where")
    c.call("createProcess", 422, dict(ECHO, **{"class": "nobody"}))
    c.call("createProcess", 422, dict(ECHO, user="nobody-of-this-name"))
    c.call("createProcess", 422, dict(ECHO, umask="+22"))
    c.call("createProcess", 422, dict(ECHO, labels={"a\0b": "c"}))
    c.call("createProcess", 422, dict(ECHO, umask=2**64))
    c.call("createProcess", 400, b"", "application/json")
    c.call("listProcesses", 422, query={"limit": "0", "cursor": "x", "label": "x", "state": "x", "sort": "x"})
    c.call("listProcesses", 400, query=[("limit", "1"), ("limit", "2")])
    c.call("listProcesses", 403, headers={"Origin": "http://example.com"})
    for name, operation in c.specification.operations.items():
        nobody = {parameter: "nobody" for parameter in re.findall(r"{(\w+)}", operation.path)}
        if "/{name}" in operation.path:
            body = BODIES.get(name)
            if operation.method != "PUT":
                c.call(name, 404, body, **nobody)
        if operation.raw.get("security") != []:
            c.call(name, 401, token="", **nobody)


def own_token(c):
    """What a process may do with the token that it is given."""
    c.call("createProcess", 201, {"name": "own", "command": ["/bin/sh", "-c", "echo $PROCESSION_TOKEN; exec sleep 60"]})
    for _ in range(100):
        token = c.call("readProcessOutput", 200, name="own").body.decode().strip()
        if token:
            break
        time.sleep(0.05)
    c.expect(c.call("getCurrentProcess", 200, token=token).json["name"] == "own", "current_process is the caller's")
    c.expect(c.call("getCurrentProcess", 200).json["is_main"], "current_process of an operator is the service")
    c.call("createProcess", 201, dict(SLEEP, name="other"))
    c.call("getProcess", 200, name="other", token=token)
    for name, body in (
        ("createProcess", ECHO), ("putProcess", ECHO), ("deleteProcess", None), ("startProcess", None),
        ("signalProcess", {"signal": 15}), ("terminateProcess", None), ("killProcess", None), ("stopProcess", None),
        ("pauseProcess", None), ("resumeProcess", None), ("resizeProcess", {"rows": 1, "cols": 1}),
        ("setProcessAlarm", {"seconds": 1}), ("writeProcessStdin", b"x"), ("createClass", {}), ("putClass", {}),
        ("deleteClass", None),
    ):
        c.call(name, 403, body, name="other", token=token)
    own = c.call("getProcess", 200, name="own").json["session"]
    foreign = c.call("getProcess", 200, name="other").json["session"]
    c.call("createLock", 201, {"name": "shared"}, token=token)
    c.call("acquireLock", 403, headers=on_behalf_of(foreign), name="shared", token=token)
    c.call("acquireLock", 200, headers=on_behalf_of(own), name="shared", token=token)
    c.call("releaseLock", 403, query={"force": "true"}, name="shared", token=token)
    for name in ("touchSession", "deleteSession"):
        c.call(name, 403, name=foreign, token=token)
    made = c.call("createSession", 201, token=token).json
    c.expect(made["process"] == "own", "a process makes sessions that end with it")
    c.call("createSession", 403, {"process": "other"}, token=token)
    c.call("putSession", 403, {"process": "other"}, name="mine", token=token)
    c.call("stopProcess", 200, name="other")
    c.call("deleteProcess", 204, name="other")
    c.call("stopProcess", 200, name="own")
    c.call("getSession", 404, name=own)
    c.call("getSession", 404, name=made["name"])
    c.call("deleteLock", 204, name="shared")
    c.call("deleteProcess", 204, name="own")


def classes(c):
    greeter = {"command": ["/bin/echo"], "env": {"LANG": "C"}, "labels": {"team": "blue"}}
    c.call("createClass", 201, {})
    c.call("createClass", 201, dict(greeter, name="greeter"))
    c.call("createClass", 409, dict(greeter, name="greeter"))
    c.call("createClass", 422, {"extends": "nobody", "start": True})
    c.call("createClass", 415, b"{}", "text/plain")
    c.call("putClass", 200, greeter, name="greeter")
    c.call("putClass", 409, {}, name="greeter")
    everything = {
        "extends": "greeter", "args": ["hello"], "inherit_env": False, "cwd": "/tmp", "user": "root", "umask": 18, "stdin": "pipe",
        "stdout": "capture", "stderr": "null", "signals": {"HUP": "ignore"}, "limits": {"cpu_seconds": 10},
        "timeout": {"seconds": 10}, "daemon": True,
    }
    c.call("putClass", 201, everything, name="polite")
    c.call("getClass", 200, name="polite")
    # They are refused only when a process is made, and only where the machine does not give them.
    whole = {"memory": 100_000_000, "pids": 50, "cpu": 0.5}
    c.call("createClass", 201, {"name": "whole", "command": ["/bin/true"], "limits": whole})
    able = set(c.call("getVersion", 200).json["cgroups"]["limits"])
    c.call("createProcess", 201 if able == set(whole) else 422, {"class": "whole", "name": "limited"})
    c.call("getClass", 200, name="greeter")
    c.call("deleteClass", 409, name="greeter")
    names = [item["name"] for item in c.call("listClasses", 200, query={"prefix": "greet", "limit": 10}).json["items"]]
    c.expect(names == ["greeter"], "the list has it")
    page = c.call("listClasses", 200, query={"limit": 1}).json
    c.call("listClasses", 200, query={"limit": 1, "cursor": page["next"]})
    made = c.call("createProcess", 201, {"class": "polite", "args": ["world"]}).json
    c.expect(made["command"] == ["/bin/echo", "hello", "world"], "arguments are appended")
    c.call("joinProcess", 200, query={"timeout": 10}, name=made["name"])
    c.call("getState", 200)
    c.call("deleteProcess", 204, name=made["name"])
    if able == set(whole):
        c.call("joinProcess", 200, query={"timeout": 10}, name="limited")
        c.call("deleteProcess", 204, name="limited")
    for name in ("polite", "greeter", "Class-1", "whole"):
        c.call("deleteClass", 204, name=name)


def on_behalf_of(session):
    return {"Procession-Session": session}


def sessions(c):
    made = c.call("createSession", 201).json
    c.expect(made["ttl"] == 30.0, "a session lives for 30 s")
    c.call("deleteSession", 204, name=made["name"])
    c.call("createSession", 201, {"name": "mine", "ttl": 60, "labels": {"team": "blue"}})
    c.call("createSession", 409, {"name": "mine"})
    c.call("createSession", 422, {"ttl": 0, "process": "nobody-", "colour": "red"})
    c.call("createSession", 422, {"process": "nobody"})
    c.call("createSession", 415, b"ttl=1", "text/plain")
    c.call("putSession", 200, {"ttl": 60, "labels": {"team": "blue"}}, name="mine")
    c.call("putSession", 409, {"ttl": 61}, name="mine")
    c.call("putSession", 201, {"ttl": 0.5}, name="short")
    c.call("getSession", 200, name="short")
    c.call("touchSession", 200, name="mine")
    page = c.call("listSessions", 200, query={"label": "team=blue", "prefix": "m", "limit": 1}).json
    c.expect([item["name"] for item in page["items"]] == ["mine"], "the list has it")
    c.call("createLock", 201, {"name": "held"})
    c.call("acquireLock", 200, headers=on_behalf_of("short"), name="held")
    answer = c.call("acquireLock", 200, headers=on_behalf_of("mine"), query={"timeout": 10}, name="held").json
    c.expect(answer["abandoned"] and answer["token"] == 2, "a session that nobody renews lets go of all it has")
    c.call("getSession", 404, name="short")
    c.call("acquireLock", 410, headers=on_behalf_of("short"), name="held")
    c.call("acquireLock", 422, headers=on_behalf_of("no name"), name="held")
    c.expect(c.call("getSession", 200, name="mine").json["holds"] == 1, "the lock is its own")
    c.call("deleteSession", 204, name="mine")
    c.expect(not c.call("getLock", 200, name="held").json["locked"], "the lock is free")
    c.call("deleteLock", 204, name="held")


def semaphores(c):
    c.call("createSemaphore", 201)
    c.call("createSemaphore", 422, {"value": -1, "bounded": 1, "colour": "red"})
    c.call("createSemaphore", 201, {"name": "pair", "value": 2, "bounded": True, "labels": {"team": "blue"}})
    c.call("createSemaphore", 409, {"name": "pair"})
    c.call("createSemaphore", 415, b"{}", "text/plain")
    c.call("putSemaphore", 200, {"value": 2, "bounded": True, "labels": {"team": "blue"}}, name="pair")
    c.call("putSemaphore", 409, {"value": 3}, name="pair")
    c.call("putSemaphore", 422, {"name": "other"}, name="pair")
    c.call("releaseSemaphore", 409, name="pair")
    first = c.call("acquireSemaphore", 200, {"lease": 60}, name="pair").json
    c.call("putSession", 201, {}, name="mine")
    c.call("acquireSemaphore", 200, headers=on_behalf_of("mine"), name="pair")
    for query in ({"timeout": 0}, {"timeout": 0.05}, {"block": "false"}):
        answer = c.call("acquireSemaphore", 200, query=query, name="pair").json
        c.expect(answer == {"acquired": False, "permit": None, "token": None, "abandoned": False}, "none is left")
    c.call("acquireSemaphore", 422, {"lease": 0}, query={"timeout": -1}, name="pair")
    c.call("releaseSemaphore", 204, {"permit": first["permit"]}, name="pair")
    c.call("releaseSemaphore", 409, {"permit": first["permit"]}, name="pair")
    c.call("releaseSemaphore", 409, name="pair")
    c.call("releaseSemaphore", 422, {"n": 1, "permit": 1}, name="pair")
    c.call("releaseSemaphore", 422, {"n": 0}, name="pair")
    c.call("releaseSemaphore", 204, query={"force": "true"}, name="pair")
    c.expect(c.call("getSemaphore", 200, name="pair").json["value"] == 2, "all permits are back")
    c.call("releaseSemaphore", 204, {"n": 5}, name="Semaphore-1")
    c.expect(c.call("getSemaphore", 200, name="Semaphore-1").json["value"] == 6, "it is not bounded")
    page = c.call("listSemaphores", 200, query={"limit": 1}).json
    c.call("listSemaphores", 200, query={"limit": 1, "cursor": page["next"]})
    c.call("deleteSession", 204, name="mine")
    for name in ("pair", "Semaphore-1"):
        c.call("deleteSemaphore", 204, name=name)


def locks(c):
    c.call("createLock", 201)
    c.call("createLock", 422, {"reentrant": 1, "value": 1})
    c.call("createLock", 201, {"name": "again", "reentrant": True})
    c.call("createLock", 409, {"name": "again"})
    c.call("createLock", 415, b"{}", "text/plain")
    c.call("putLock", 200, {"reentrant": True}, name="again")
    c.call("putLock", 409, {}, name="again")
    c.call("acquireLock", 422, name="again")
    c.call("putSession", 201, {}, name="mine")
    c.call("putSession", 201, {}, name="other")
    for _ in range(2):
        c.call("acquireLock", 200, headers=on_behalf_of("mine"), name="again")
    answer = c.call("acquireLock", 200, headers=on_behalf_of("other"), query={"timeout": 0}, name="again").json
    c.expect(not answer["acquired"], "another owns it")
    c.call("releaseLock", 409, headers=on_behalf_of("other"), name="again")
    c.expect(c.call("getLock", 200, name="again").json["depth"] == 2, "its owner has it twice")
    c.call("releaseLock", 204, headers=on_behalf_of("mine"), name="again")
    c.call("releaseLock", 204, query={"force": "true"}, name="again")
    c.call("releaseLock", 409, headers=on_behalf_of("mine"), name="again")
    first = c.call("acquireLock", 200, {"lease": 0.05}, name="Lock-1").json
    second = c.call("acquireLock", 200, query={"timeout": 10}, name="Lock-1").json
    c.expect(second["abandoned"] and second["token"] > first["token"], "the lease ended")
    c.call("releaseLock", 409, {"permit": first["permit"]}, name="Lock-1")
    c.call("releaseLock", 204, {"permit": second["permit"]}, name="Lock-1")
    c.call("releaseLock", 422, {"n": 1}, name="Lock-1")
    c.call("listLocks", 200, query={"prefix": "a"})
    for name in ("mine", "other"):
        c.call("deleteSession", 204, name=name)
    for name in ("again", "Lock-1"):
        c.call("deleteLock", 204, name=name)


def conditions(c):
    c.call("createCondition", 201)
    c.call("createCondition", 201, {"name": "own", "labels": {"team": "blue"}})
    c.call("createCondition", 409, {"name": "own"})
    c.call("createCondition", 422, {"lock": "nobody", "colour": "red"})
    c.call("createCondition", 422, {"lock": "nobody"})
    c.call("createCondition", 422, {"name": "n" * 60})
    c.call("createCondition", 415, b"{}", "text/plain")
    c.call("putCondition", 200, {"labels": {"team": "blue"}}, name="own")
    c.call("createLock", 201, {"name": "plain"})
    c.call("putCondition", 409, {"lock": "plain"}, name="own")
    c.call("putCondition", 201, {"lock": "plain"}, name="shared")
    c.expect(c.call("getCondition", 200, name="own").json["lock"] == "own.lock", "it has a lock of its own")
    for name in ("own.lock", "plain"):
        c.call("deleteLock", 409, name=name)
    for name, body in (("waitForCondition", None), ("notifyCondition", {"n": 2}), ("notifyAllCondition", None)):
        c.call(name, 422, body, name="own")
        c.call(name, 409, body, name="shared")
    c.call("acquireCondition", 200, name="shared")
    answer = c.call("waitForCondition", 200, query={"timeout": 0.05}, name="shared").json
    c.expect(not answer["notified"] and answer["token"] == 2, "it has the lock again")
    for n in (3, 0, -1):
        c.call("notifyCondition", 204, {"n": n}, name="shared")
    c.call("notifyCondition", 204, name="shared")
    c.call("notifyCondition", 422, {"n": "all"}, name="shared")
    c.call("notifyAllCondition", 204, name="shared")
    c.call("waitForCondition", 422, query={"timeout": -1}, name="shared")
    c.call("releaseCondition", 204, name="shared")
    c.call("releaseCondition", 409, name="shared")
    c.call("listConditions", 200, query={"prefix": "o"})
    for name in ("own", "shared", "Condition-1"):
        c.call("deleteCondition", 204, name=name)
    c.call("getLock", 404, name="own.lock")
    c.call("deleteLock", 204, name="plain")


def the_events(c):
    c.call("createEvent", 201)
    c.call("createEvent", 422, {"set": True})
    c.call("createEvent", 409, {"name": "Event-1"})
    c.call("createEvent", 415, b"{}", "text/plain")
    c.call("putEvent", 200, name="Event-1")
    c.call("putEvent", 409, {"labels": {"a": "b"}}, name="Event-1")
    c.expect(c.call("waitForEvent", 200, query={"timeout": 0.05}, name="Event-1").json == {"is_set": False}, "it is clear")
    for _ in range(2):
        c.call("setEvent", 204, name="Event-1")
    c.expect(c.call("waitForEvent", 200, name="Event-1").json == {"is_set": True}, "it is set")
    c.expect(c.call("wait", 200, {"any": [{"event": "Event-1"}]}).json["ready"] == [{"event": "Event-1"}], "it is ready")
    c.call("clearEvent", 204, name="Event-1")
    c.expect(not c.call("getEvent", 200, name="Event-1").json["is_set"], "it is clear again")
    c.call("waitForEvent", 422, query={"timeout": "x"}, name="Event-1")
    c.call("listEvents", 200)
    c.call("deleteEvent", 204, name="Event-1")


def barriers(c):
    problem = c.call("createBarrier", 422, {"parties": 0}).json
    c.expect(problem["errors"][0]["detail"] == "parties must be > 0", "as Python says")
    c.call("createBarrier", 422, {})
    c.call("createBarrier", 201, {"parties": 1})
    c.call("createBarrier", 409, {"name": "Barrier-1", "parties": 1})
    c.call("createBarrier", 415, b"{}", "text/plain")
    c.expect(c.call("waitForBarrier", 200, name="Barrier-1").json == {"index": 0}, "it waits for nobody")
    c.call("putBarrier", 201, {"parties": 2, "timeout": 0.05}, name="pair")
    c.call("putBarrier", 200, {"parties": 2, "timeout": 0.05}, name="pair")
    c.call("putBarrier", 409, {"parties": 3}, name="pair")
    c.call("waitForBarrier", 409, name="pair")
    c.expect(c.call("getBarrier", 200, name="pair").json["broken"], "a timeout breaks it")
    c.call("resetBarrier", 204, name="pair")
    c.expect(not c.call("getBarrier", 200, name="pair").json["broken"], "it is as new")
    c.call("abortBarrier", 204, name="pair")
    c.call("waitForBarrier", 409, query={"timeout": 10}, name="pair")
    c.call("waitForBarrier", 422, query={"block": "x"}, name="pair")
    c.call("putBarrier", 201, {"parties": 1, "action": True}, name="led")
    c.call("waitForBarrier", 422, name="led")
    c.call("putSession", 201, {}, name="mine")
    c.call("releaseBarrier", 422, name="led")
    c.call("releaseBarrier", 409, headers=on_behalf_of("mine"), name="led")
    answer = c.call("waitForBarrier", 200, headers=on_behalf_of("mine"), name="led").json
    c.expect(answer == {"index": 0, "leader": True}, "the last to arrive leads")
    c.call("releaseBarrier", 204, headers=on_behalf_of("mine"), name="led")
    c.call("deleteSession", 204, name="mine")
    c.call("listBarriers", 200, query={"limit": 2})
    for name in ("Barrier-1", "pair", "led"):
        c.call("deleteBarrier", 204, name=name)


def queues(c):
    made = c.call("createQueue", 201).json
    c.expect(made["maxsize"] == 0 and made["unfinished"] is None, "it has no bound and counts nothing")
    c.call("createQueue", 201, {"name": "tasks", "maxsize": 2, "joinable": True, "lease": 30, "labels": {"team": "blue"}})
    c.call("createQueue", 409, {"name": "tasks"})
    c.call("createQueue", 422, {"maxsize": "x", "lease": 0, "colour": "red"})
    c.call("createQueue", 415, b"{}", "text/plain")
    c.call("putQueue", 200, {"maxsize": 2, "joinable": True, "lease": 30, "labels": {"team": "blue"}}, name="tasks")
    c.call("putQueue", 409, {}, name="tasks")
    c.call("putQueue", 201, {"maxsize": -1, "max_bytes": 1000}, name="other")
    c.call("getQueue", 200, name="tasks")
    page = c.call("listQueues", 200, query={"label": "team=blue", "limit": 1}).json
    c.expect([item["name"] for item in page["items"]] == ["tasks"], "the list has it")
    payload = b'{"a": 1e0,\n "b": 12345678901234567890123}'
    c.call("putMessage", 204, payload, "application/json", name="tasks")
    c.call("putMessage", 400, b'{"a": ', "application/json", name="tasks")
    c.call("putMessage", 204, b"\xff\0", "application/octet-stream", name="tasks")
    c.call("putMessage", 409, b"x", "text/plain", query={"timeout": 0.05}, name="tasks")
    c.call("putMessage", 422, b"1\n2\n3\n", "application/x-ndjson", query={"block": "false"}, name="tasks")
    c.call("putMessage", 422, b"x", "text/plain", query={"timeout": -1}, name="tasks")
    c.call("putMessage", 429, b"x" * 2000, "text/plain", name="other")
    c.expect(c.call("peekMessage", 200, name="tasks").body == payload, "it is there as it was put")
    c.expect(c.call("getMessage", 200, name="tasks").body == payload, "it comes as it was put")
    answer = c.call("reserveMessage", 200, {"lease": 10}, name="tasks").json
    c.expect(answer["base64"] == "/wA=" and answer["content_type"] == "application/octet-stream", "bytes are base64")
    c.call("touchMessage", 204, {"receipt": answer["receipt"], "lease": 20}, name="tasks")
    c.call("nackMessage", 204, {"receipt": answer["receipt"], "delay": 0}, name="tasks")
    c.call("nackMessage", 409, {"receipt": answer["receipt"]}, name="tasks")
    answer = c.call("reserveMessage", 200, name="tasks").json
    c.expect(answer["deliveries"] == 1, "it was given before")
    c.call("ackMessage", 422, {"receipt": "x"}, name="tasks")
    c.call("ackMessage", 204, {"receipt": answer["receipt"]}, name="tasks")
    c.call("ackMessage", 409, {"receipt": answer["receipt"]}, name="tasks")
    c.call("reserveMessage", 409, query={"timeout": 0}, name="tasks")
    c.call("getMessage", 409, query={"block": "false"}, name="tasks")
    c.call("peekMessage", 409, name="tasks")
    c.expect(c.call("joinQueue", 200, query={"timeout": 0.05}, name="tasks").json["unfinished"] == 1, "one is not done")
    c.call("taskDone", 204, name="tasks")
    c.call("taskDone", 409, {"n": 1}, name="tasks")
    c.call("taskDone", 422, {"n": 0}, name="tasks")
    c.expect(c.call("joinQueue", 200, name="tasks").json == {"unfinished": 0}, "all is done")
    c.call("joinQueue", 409, name="other")
    c.call("putMessage", 204, b"1\n2\n", "application/x-ndjson", name="tasks")
    c.expect(c.call("getMessage", 200, query={"max": 10}, name="tasks").body == b"1\n2\n", "many at once")
    c.call("putMessage", 204, b"1\n2\n", "application/x-ndjson", name="tasks")
    c.expect(c.call("purgeQueue", 200, name="tasks").json == {"purged": 2}, "they are thrown away")
    c.expect(c.call("wait", 200, {"any": [{"queue": "tasks"}], "timeout": 0}).json["ready"] == [], "nothing is in")
    for _ in range(2):
        c.call("closeQueue", 204, name="tasks")
    c.call("putMessage", 410, b"x", "text/plain", name="tasks")
    c.call("getMessage", 410, name="tasks")
    for name in ("tasks", "other", "Queue-1"):
        c.call("deleteQueue", 204, name=name)


def pipes(c):
    c.call("createPipe", 201)
    c.call("createPipe", 422, {"capacity": 0, "colour": "red"})
    c.call("createPipe", 201, {"name": "way", "duplex": False, "capacity": 4, "labels": {"team": "blue"}})
    c.call("createPipe", 409, {"name": "way"})
    c.call("createPipe", 415, b"{}", "text/plain")
    c.call("putPipe", 200, {"duplex": False, "capacity": 4, "labels": {"team": "blue"}}, name="way")
    c.call("putPipe", 409, {}, name="way")
    c.call("putPipe", 201, {}, name="held")
    c.call("getPipe", 200, name="way")
    c.call("listPipes", 200, query={"prefix": "w"})
    c.call("sendToPipe", 409, b"x", "text/plain", name="way", end=0)
    c.call("receiveFromPipe", 409, name="way", end=1)
    c.call("pollPipe", 409, name="way", end=1)
    c.call("sendToPipe", 204, b"abcd", "text/plain", name="way", end=1)
    c.call("sendToPipe", 409, b"x", "text/plain", query={"timeout": 0.05}, name="way", end=1)
    c.call("sendToPipe", 404, b"x", "text/plain", name="way", end=2)
    c.expect(c.call("pollPipe", 200, name="way", end=0).json == {"ready": True}, "something is there")
    c.call("receiveFromPipe", 409, query={"max_length": 3}, name="way", end=0)
    c.expect(c.call("receiveFromPipe", 200, name="way", end=0).body == b"abcd", "it comes as it was sent")
    c.call("receiveFromPipe", 409, query={"timeout": 0.05}, name="way", end=0)
    c.expect(c.call("wait", 200, {"any": [{"pipe": "way", "end": 0}], "timeout": 0}).json["ready"] == [], "nothing is there")
    for _ in range(2):
        c.call("closePipeEnd", 204, name="way", end=1)
    c.call("receiveFromPipe", 410, name="way", end=0)
    c.call("sendToPipe", 410, b"x", "text/plain", name="way", end=1)
    c.call("putSession", 201, {}, name="mine")
    c.call("openPipeEnd", 422, name="held", end=0)
    c.call("openPipeEnd", 204, headers=on_behalf_of("mine"), name="held", end=0)
    c.expect(c.call("getPipe", 200, name="held").json["ends"]["0"]["holders"] == 1, "the session holds it")
    c.call("deleteSession", 204, name="mine")
    c.expect(not c.call("getPipe", 200, name="held").json["ends"]["0"]["open"], "its last holder has ended")
    c.call("createProcess", 201, dict(ECHO, name="bound", stdout={"pipe": "Pipe-1", "end": 0}))
    c.expect(c.call("receiveFromPipe", 200, name="Pipe-1", end=1).body == b"hello\n", "a process writes into it")
    c.call("joinProcess", 200, query={"timeout": 10}, name="bound")
    c.call("deleteProcess", 204, name="bound")
    for name in ("way", "held", "Pipe-1"):
        c.call("deletePipe", 204, name=name)


def pools(c):
    source = "def square(x): return x * x\ndef fail(x): raise ValueError(x)"
    made = c.call("createPool", 201, {"name": "pool", "processes": 2, "worker": {"python": {"source": source}}}).json
    c.expect(made["state"] == "running" and len(made["workers"]) == 2, "its workers run")
    c.call("createPool", 409, {"name": "pool", "processes": 2, "worker": {"python": {"source": source}}})
    c.call("createPool", 422, {"processes": 0, "worker": {"python": {}}, "colour": "red"})
    c.call("createPool", 415, b"{}", "text/plain")
    c.call("getPool", 200, name="pool")
    c.call("listPools", 200)
    c.expect(c.call("applyPool", 200, {"func": "square", "args": [3]}, name="pool").json["value"] == 9, "apply")
    c.call("applyPool", 409, {"func": "fail", "args": [3]}, name="pool")
    c.expect(c.call("mapPool", 200, {"func": "square", "iterable": [1, 2, 3]}, name="pool").json["value"] == [1, 4, 9], "map")
    for name, values in (("given", [1, 4]), ("taken", [0, 0])):
        c.call("createArray", 201, {"name": name, "typecode": "d", "initial": values})
    given, taken = {"array": "given"}, {"array": "taken"}
    c.expect(c.call("mapPool", 200, {"func": "square", "iterable": given}, name="pool").json["value"] == [1, 16], "an array")
    stored = c.call("mapPool", 200, {"func": "math:sqrt", "iterable": given, "result": taken}, name="pool").json
    c.expect(stored == {"value": [], "result": taken}, f"a map into an array: {stored}")
    c.call("mapPool", 200, {"func": "sum", "iterable": given, "vectorized": True}, name="pool")
    c.call("mapPool", 200, {"func": "no_such", "iterable": given, "chunksize": 2, "on_error": "collect"}, name="pool")
    c.call("mapPool", 404, {"func": "square", "iterable": {"array": "nobody"}}, name="pool")
    c.call("mapPool", 422, {"func": "square", "iterable": [1], "result": taken}, name="pool")
    for name in ("given", "taken"):
        c.call("deleteArray", 204, name=name)
    c.call("starmapPool", 200, {"func": "math:pow", "iterable": [[2, 3]]}, name="pool")
    c.call("mapPool", 422, {"func": "square", "iterable": [1], "chunksize": 0}, name="pool")
    for name in ("applyPoolAsync", "mapPoolAsync", "starmapPoolAsync"):
        body = {"func": "math:pow", "iterable": [[2, 3]]} if name == "starmapPoolAsync" else {"func": "math:sqrt", "iterable": [4]}
        if name == "applyPoolAsync":
            body = {"func": "square", "args": [3]}
        job = c.call(name, 202, body, name="pool").json["id"]
        c.call("waitForJob", 200, query={"timeout": 10}, name="pool", id=job)
        c.call("getJob", 200, name="pool", id=job)
        c.expect("value" in c.call("getJobResult", 200, name="pool", id=job).json, f"the result of {name}")
    job = c.call("mapPoolAsync", 202, {"func": "fail", "iterable": [1]}, name="pool").json["id"]
    c.call("getJobResult", 409, query={"timeout": 10}, name="pool", id=job)
    c.call("deleteJob", 204, name="pool", id=job)
    c.call("getJobResult", 404, name="pool", id=job)
    job = c.call("mapPoolAsync", 202, {"func": "time:sleep", "iterable": [0.2, 0.2], "chunksize": 1}, name="pool").json["id"]
    news = c.call("watchJob", 200, until=lambda found: bool(found) and found[-1]["event"] == "end", name="pool", id=job).events
    c.expect(json.loads(news[-1]["data"])["successful"], "its end says how it ended")
    job = c.call("mapPoolAsync", 202, {"func": "time:sleep", "iterable": [0, 60]}, name="pool").json["id"]
    c.expect(c.call("cancelJob", 200, name="pool", id=job).json["cancelled"], "it was running")
    c.expect(not c.call("cancelJob", 200, name="pool", id=job).json["cancelled"], "it was over")
    c.call("getJobResult", 409, name="pool", id=job)
    for name in ("imapPool", "imapPoolUnordered"):
        lines = [json.loads(line) for line in c.call(name, 200, {"func": "square", "iterable": [2, 3]}, name="pool").body.splitlines()]
        c.expect(sorted(line["value"] for line in lines) == [4, 9], f"the lines of {name}: {lines}")
    job = int(c.stream("/v1/pools/pool/imap", {"func": "square", "iterable": {"stream": True}}).headers["Procession-Job"])
    c.call("putJobItems", 200, b"1\n2\n", "application/x-ndjson", name="pool", id=job)
    c.call("putJobItems", 400, b"{", "application/x-ndjson", name="pool", id=job)
    c.call("putJobItems", 200, b"3\n", "application/x-ndjson", query={"close": "true"}, name="pool", id=job)
    c.call("waitForJob", 200, query={"timeout": 10}, name="pool", id=job)
    c.call("putJobItems", 410, b"4\n", "application/x-ndjson", name="pool", id=job)
    for name in ("imapPoolAsync", "imapPoolUnorderedAsync"):
        job = c.call(name, 202, {"func": "square", "iterable": {"stream": True}}, name="pool").json["id"]
        c.call("putJobItems", 200, b"1\n2\n", "application/x-ndjson", query={"close": "true"}, name="pool", id=job)
        lines = c.call("readJobResults", 200, name="pool", id=job).body.splitlines()
        c.expect(sorted(json.loads(line)["value"] for line in lines) == [1, 4], f"the results of {name}")
        c.call("getJobResult", 409, name="pool", id=job)
    job = c.call("mapPoolAsync", 202, {"func": "square", "iterable": [1]}, name="pool").json["id"]
    c.call("readJobResults", 409, name="pool", id=job)
    c.call("readJobResults", 404, name="pool", id=9999)
    c.call("createQueue", 201, {"name": "outcomes"})
    told = {"callback": "outcomes", "error_callback": "outcomes"}
    c.call("applyPoolAsync", 202, {"func": "square", "args": [5], **told}, name="pool")
    outcome = c.call("getMessage", 200, query={"timeout": 10}, name="outcomes").json
    c.expect(outcome["value"] == 25 and outcome["pool"] == "pool", f"a callback's message: {outcome}")
    c.call("mapPoolAsync", 202, {"func": "fail", "iterable": [1], **told}, name="pool")
    outcome = c.call("getMessage", 200, query={"timeout": 10}, name="outcomes").json
    c.expect(outcome["error"]["type"] == "ValueError", f"an error callback's message: {outcome}")
    c.call("deleteQueue", 204, name="outcomes")
    c.call("applyPoolAsync", 422, {"func": "square", "args": [5], "callback": "outcomes"}, name="pool")
    c.call("applyPool", 422, {"func": "square", "args": [5], "callback": "outcomes"}, name="pool")
    c.call("listJobs", 200, name="pool")
    worker = c.call("listPoolWorkers", 200, name="pool").json["items"][0]["name"]
    c.call("readPoolWorkerOutput", 200, name="pool", worker=worker)
    c.call("restartPoolWorker", 200, name="pool", worker=worker)
    c.call("restartPool", 200, name="pool")
    c.call("restartPoolWorker", 404, name="pool", worker="nobody")
    c.call("listPoolWorkers", 200, name="pool")
    c.call("resizePool", 200, {"processes": 1}, name="pool")
    c.call("joinPool", 409, name="pool")
    c.call("closePool", 200, name="pool")
    c.call("joinPool", 200, query={"timeout": 10}, name="pool")
    c.call("terminatePool", 200, name="pool")
    c.call("deletePool", 204, name="pool")
    c.call("putPool", 201, {"processes": 1, "worker": {"exec": {}}}, name="commands")
    c.call("putPool", 200, {"processes": 1, "worker": {"exec": {}}}, name="commands")
    c.call("putPool", 409, {"processes": 2, "worker": {"exec": {}}}, name="commands")
    echoed = c.call("applyPool", 200, {"func": "/bin/echo", "args": ["hello"]}, name="commands").json["value"]
    c.expect(echoed["stdout"] == "hello\n" and echoed["exitcode"] == 0, f"a command's result: {echoed}")
    c.call("deletePool", 204, name="commands")


def arrays(c):
    made = c.call("createArray", 201, {"typecode": "i", "initial": [1, 2, 3, 4, 5]}).json
    c.expect(made["lock"] == "Array-1.lock" and made["nbytes"] == 20, "it has a lock of its own")
    c.call("createArray", 201, {"name": "zeros", "typecode": "Q", "length": 3, "lock": False, "labels": {"team": "blue"}})
    c.call("createArray", 409, {"name": "zeros", "typecode": "i", "length": 3})
    c.call("createArray", 422, {"typecode": "x", "length": -1, "lock": 5, "colour": "red"})
    c.call("createArray", 422, {"typecode": "i"})
    c.call("createArray", 422, {"typecode": "i", "initial": [1, 2.5]})
    c.call("createArray", 422, {"typecode": "i", "length": 1, "lock": "nobody"})
    c.call("createArray", 415, b"{}", "text/plain")
    c.call("createArray", 429, {"typecode": "d", "length": 1 << 40})
    c.call("putArray", 200, {"typecode": "i", "initial": [1, 2, 3, 4, 5]}, name="Array-1")
    c.call("putArray", 409, {"typecode": "i", "initial": [1, 2, 3, 4, 6]}, name="Array-1")
    c.call("putArray", 201, {"typecode": "c", "initial": ["a", "\u00e9", "\u0000"], "lock": True}, name="text")
    c.call("getArray", 200, name="Array-1")
    page = c.call("listArrays", 200, query={"limit": 1, "label": "team=blue"}).json
    c.expect([item["name"] for item in page["items"]] == ["zeros"], "the list has it")
    for query, values in (({}, [1, 2, 3, 4, 5]), ({"start": -2}, [4, 5]), ({"step": -2}, [5, 3, 1]), ({"stop": 99, "start": 4}, [5])):
        c.expect(c.call("getArrayItems", 200, query=query, name="Array-1").json["values"] == values, f"the slice {query}")
    c.expect(c.call("getArrayItems", 200, name="text").json["values"] == ["a", "\u00e9", "\u0000"], "characters come back")
    c.call("getArrayItems", 422, query={"step": 0, "start": "x"}, name="Array-1")
    c.call("putArrayItems", 204, {"values": [20, 2**31]}, query={"start": 1, "stop": 3}, name="Array-1")
    c.expect(c.call("getArrayItem", 200, name="Array-1", index=2).json["value"] == -(2**31), "integers wrap")
    c.call("putArrayItems", 422, {"values": [1]}, name="Array-1")
    c.call("putArrayItems", 422, {"values": [1, "x", 3, 4, 5]}, name="Array-1")
    c.call("putArrayItems", 415, b"1", "text/plain", name="Array-1")
    c.call("putArrayItem", 200, {"value": 7}, name="Array-1", index=-1)
    c.call("putArrayItem", 422, {"value": "x"}, name="Array-1", index=0)
    c.call("getArrayItem", 404, name="Array-1", index=5)
    c.call("getArrayItem", 422, name="Array-1", index="x")
    c.expect(c.call("addToArrayItem", 200, {"value": -1}, name="zeros", index=0).json == {"value": 2**64 - 1, "previous": 0}, "it wraps")
    c.call("addToArrayItem", 422, {"value": 0.5}, name="zeros", index=0)
    c.expect(c.call("compareExchangeArrayItem", 200, {"expected": 0, "desired": 3}, name="zeros", index=1).json["exchanged"], "it was 0")
    c.call("compareExchangeArrayItem", 422, {"expected": 0}, name="zeros", index=1)
    c.call("putSession", 201, {}, name="mine")
    c.call("acquireLock", 200, headers=on_behalf_of("mine"), name="Array-1.lock")
    c.call("getArrayItem", 409, query={"timeout": 0.05}, name="Array-1", index=0)
    c.call("getArrayItem", 200, headers=on_behalf_of("mine"), name="Array-1", index=0)
    c.expect(len(c.call("readArrayData", 200, name="Array-1").body) == 20, "all bytes")
    c.expect(c.call("readArrayData", 206, headers={"Range": "bytes=0-3"}, name="Array-1").body == b"\1\0\0\0", "some bytes")
    c.call("readArrayData", 416, headers={"Range": "bytes=20-"}, name="Array-1")
    c.call("writeArrayData", 200, b"\2\0\0\0", "application/octet-stream", name="Array-1")
    c.call("writeArrayData", 200, b"\2", "application/octet-stream", query={"offset": 19}, name="Array-1")
    c.call("writeArrayData", 413, b"\2\0", "application/octet-stream", query={"offset": 19}, name="Array-1")
    c.call("writeArrayData", 422, b"", query={"offset": 21}, name="Array-1")
    c.call("deleteSession", 204, name="mine")
    for name in ("Array-1", "zeros", "text"):
        c.call("deleteArray", 204, name=name)
    c.call("getLock", 404, name="Array-1.lock")


def values(c):
    c.call("createValue", 201, {"typecode": "d", "value": 0.5})
    c.call("createValue", 201, {"name": "count", "typecode": "q", "lock": False})
    c.call("createValue", 409, {"name": "count", "typecode": "q"})
    c.call("createValue", 422, {"typecode": "i", "value": "x"})
    c.call("createValue", 415, b"{}", "text/plain")
    c.call("putValue", 200, {"typecode": "q", "lock": False}, name="count")
    c.call("putValue", 409, {"typecode": "i"}, name="count")
    c.call("putValue", 201, {"typecode": "c", "value": "x", "lock": None}, name="letter")
    c.call("getValue", 200, name="count")
    c.call("listValues", 200)
    c.expect(c.call("readValue", 200, name="Value-1").json["value"] == 0.5, "it is what it was made")
    c.call("writeValue", 200, {"value": "Infinity"}, name="Value-1")
    c.expect(c.call("readValue", 200, name="Value-1").json["value"] == "Infinity", "JSON has no infinity")
    c.call("writeValue", 422, {"value": "1"}, name="Value-1")
    c.call("addToValue", 200, {"value": 5}, name="count")
    c.call("addToValue", 422, {"value": "y"}, name="letter")
    c.call("compareExchangeValue", 200, {"expected": 5, "desired": 6}, name="count")
    c.call("readValueData", 200, name="count")
    c.call("readValueData", 206, headers={"Range": "bytes=-1"}, name="count")
    c.call("writeValueData", 200, b"\1", "application/octet-stream", name="count")
    for name in ("Value-1", "count", "letter"):
        c.call("deleteValue", 204, name=name)


def signals(c):
    items = c.call("listSignals", 200).json["items"]
    c.expect(any(item["name"] == "SIGTERM" and item["number"] == 15 for item in items), "the table has SIGTERM")
    c.call("createProcess", 201, dict(SLEEP, name="told", labels={"told": "yes"}))
    for order in ({"label": "told=yes"}, {"processes": ["told", "nobody"], "to": "tree"}, {"all": True, "to": "group"}):
        sent = c.call("sendSignal", 200, dict(order, signal="SIGCONT")).json["results"]
        c.expect({"process": "told", "pid": None, "sent": True, "code": None, "detail": None} in sent, f"it was sent: {sent}")
    c.call("sendSignal", 422, {"signal": "SIGNOTHING", "all": True, "label": "x"})
    pid = c.call("getProcess", 200, name="told").json["pid"]
    c.call("sendSignal", 200, {"signal": "CONT", "pid": pid})
    c.call("sendSignal", 403, {"signal": "CONT", "pid": 1})
    c.call("sendSignal", 200, {"signal": 10, "processes": ["told"], "value": 5})
    c.call("sendSignal", 422, {"signal": "CONT", "pid": pid, "all": True, "to": "tree"})
    c.call("sendSignal", 415, b"TERM", "text/plain")
    c.call("listSignalHandlers", 200)
    c.call("getSignalHandler", 200, signal="SIGHUP")
    c.call("getSignalHandler", 404, signal="SIGNOTHING")
    c.call("putSignalHandler", 404, {"action": "ignore"}, signal="SIGNOTHING")
    c.call("putSignalHandler", 422, {"action": "ignore"}, signal="KILL")
    c.call("putSignalHandler", 422, {"action": "stop"}, signal="USR2")
    c.call("putSignalHandler", 200, {"action": "stop", "processes": ["told"]}, signal="USR2")
    c.call("putSignalHandler", 200, {"action": "forward", "label": "told=yes", "as": "HUP", "to": "group"}, signal="USR2")
    c.call("putSignalHandler", 422, {"action": "queue", "queue": "nothing"}, signal="USR2")
    c.call("createQueue", 201, {"name": "told"})
    c.call("putSignalHandler", 200, {"action": "queue", "queue": "told"}, signal="USR2")
    c.call("listSignalHandlers", 200)
    c.call("putSignalHandler", 200, {"action": "default"}, signal="USR2")
    c.call("deleteQueue", 204, name="told")
    c.call("putSignalHandler", 200, {"action": "ignore"}, signal="ALRM")
    c.call("setAlarm", 200, {"seconds": 0.1})
    pause = c.call("pause", 200, query={"timeout": 10}).json["signal"]
    c.expect(pause is None or pause["name"] == "SIGALRM", f"the alarm comes: {pause}")
    c.call("setAlarm", 200, {"seconds": 0})
    c.call("setAlarm", 422, {"seconds": -1})
    c.call("pause", 200, query={"timeout": 0.05})
    c.call("pause", 422, query={"timeout": -1})
    c.call("putSignalHandler", 200, {"action": "default"}, signal="ALRM")
    c.call("stopProcess", 200, name="told")
    c.call("deleteProcess", 204, name="told")


def supervision(c):
    policy = {
        "policy": "on-failure", "max_retries": 1, "window": 60, "settle": 5, "success_exit_codes": [0, 3], "essential": False,
        "backoff": {"initial": 0.05, "factor": 1.5, "max": 1, "jitter": 0.1},
    }
    crash = {"name": "crash", "command": ["/bin/false"], "restart": policy, "labels": {"team": "blue"}}
    c.expect(c.call("createProcess", 201, crash).json["restart"] == policy, "the policy is told as it was given")
    ended = c.call("joinProcess", 200, query={"timeout": 20}, name="crash").json
    c.expect(ended["state"] == "fatal" and ended["starts"] == 2 and ended["restarts"] == 1, f"it was given up: {ended}")
    c.call(
        "watchProcess", 200, name="crash", query={"after": 0},
        until=lambda found: any(event["event"] == "process.fatal" for event in found))
    patient = {"name": "patient", "command": ["/bin/true"], "restart": {"policy": "always", "backoff": {"initial": 600}}}
    c.call("createProcess", 201, patient)
    for _ in range(200):
        process = c.call("getProcess", 200, name="patient").json
        if process["state"] == "backoff":
            break
        time.sleep(0.05)
    c.expect(process["next_start_at"] and process["exitcode"] == 0, f"it will be started again: {process}")
    c.call("joinProcess", 200, query={"timeout": 0}, name="patient")
    c.call("deleteProcess", 409, name="patient")
    c.call("signalProcess", 409, {"signal": 15}, name="patient")
    c.expect(c.call("stopProcess", 200, name="patient").json["process"]["state"] == "stopped", "a stop ends it at once")

    signs = ({"fd": 9}, {"tcp": 9}, {"tcp": 9, "interval": 2.5}, {"output": "^ready$"}, {"command": ["/bin/false"], "interval": 0.1})
    for sign in signs:
        document = dict(SLEEP, name="unready", ready=sign)
        c.expect(not c.call("createProcess", 201, document).json["is_ready"], "it has shown nothing yet")
        c.call("stopProcess", 200, name="unready")
        c.call("deleteProcess", 204, name="unready")
    for wrong in ({}, {"fd": 2}, {"fd": 3, "tcp": 80}, {"output": "("}, {"command": []}, {"tcp": "http"}):
        c.call("createProcess", 422, dict(SLEEP, ready=wrong))
    document = {"name": "Service", "restart": policy, "ready": {"fd": 9}, "depends_on": [{"process": "patient"}]}
    c.call("createClass", 201, document)
    c.call("deleteClass", 204, name="Service")

    app = dict(SLEEP, name="app", labels={"team": "red"}, depends_on=[{"process": "db", "condition": "ready"}, {"process": "crash"}])
    waiting = c.call("createProcess", 201, app).json
    c.expect(waiting["state"] == "created" and waiting["waiting_for"] == ["db"], f"it waits: {waiting}")
    c.call("createProcess", 422, dict(SLEEP, name="db", depends_on=[{"process": "app", "condition": "exited"}]))
    ready = dict(SLEEP, name="db", command=["/bin/sh", "-c", "echo ready; exec sleep 60"], ready={"output": "ready"})
    c.call("createProcess", 201, dict(ready, labels={"team": "red"}, start=False))
    red = {"label": "team=red"}
    c.expect(c.call("startProcesses", 200, red).json["results"][0]["done"], "what was made is started")
    late = {"name": "late", "command": ["/bin/true"], "depends_on": [{"process": "crash", "condition": "succeeded"}]}
    c.call("createProcess", 201, late)
    c.expect(c.call("joinProcess", 200, name="late").json["exit"]["reason"] == "dependency_failed", "that will never be")
    c.call("joinProcesses", 200, red, query={"timeout": 0.1})
    c.call("joinProcesses", 422, red, query={"timeout": -1})
    stopped = c.call("stopProcesses", 200, dict(red, signal="TERM", grace=5)).json["results"]
    c.expect({item["process"]: item["state"] for item in stopped} == {"app": "stopped", "db": "stopped"}, f"all are stopped: {stopped}")
    c.expect(all(item["done"] for item in c.call("joinProcesses", 200, {"processes": ["app", "db"]}).json["results"]), "they have ended")
    for name in ("startProcesses", "joinProcesses", "terminateProcesses", "killProcesses", "stopProcesses"):
        c.call(name, 200, {"processes": ["nobody"]})
        c.call(name, 422, {"processes": ["a b"], "all": True})
        c.call(name, 422, {})
        c.call(name, 415, b"all", "text/plain")
    for name in ("terminateProcesses", "killProcesses"):
        c.call("createProcess", 201, dict(SLEEP, name="sleeper", labels={"team": "green"}))
        c.expect(c.call(name, 200, {"label": "team=green"}).json["results"][0]["done"], "it was asked")
        c.call("joinProcess", 200, name="sleeper")
        c.call("deleteProcess", 204, name="sleeper")
    for name in ("crash", "patient", "app", "db", "late"):
        c.call("deleteProcess", 204, name=name)


def waiting(c):
    c.call("createProcess", 201, dict(SLEEP, name="awaited"))
    c.call("putLock", 201, name="free")
    everything = [{"process": "awaited"}, {"lock": "free"}]
    ready = c.call("wait", 200, {"any": everything}).json["ready"]
    c.expect(ready == [{"lock": "free"}], "a free lock is ready")
    c.expect(c.call("wait", 200, {"all": everything, "timeout": 0.1}).json["ready"] == [], "not all are ready")
    c.call("wait", 200, {"all": everything}, query={"block": "false"})
    c.call("wait", 422, {"all": everything, "any": everything})
    c.call("wait", 422, {"timeout": 1})
    c.call("wait", 422, {"any": [{"lock": "free", "process": "awaited"}]})
    c.call("wait", 422, {"any": [{"colour": "red"}], "timeout": -1})
    c.call("wait", 404, {"any": [{"lock": "nobody"}]})
    c.call("putSession", 201, {"ttl": 30}, name="owner")
    c.call("acquireLock", 200, name="free", headers={"Procession-Session": "owner"})
    c.call("stopProcess", 200, name="awaited")
    ready = c.call("wait", 200, {"any": everything}, headers={"Procession-Session": "owner"}).json["ready"]
    c.expect(ready == [{"process": "awaited"}], "a process that has ended is ready")
    holders = c.call("listWaiters", 200, query={"session": "owner"}).json["holders"]
    c.expect([holder["name"] for holder in holders] == ["free"], "the holder is listed")
    c.call("listWaiters", 422, query={"kind": "lock"})
    c.call("deleteSession", 204, name="owner")
    c.call("wait", 410, {"any": everything}, headers={"Procession-Session": "owner"})
    c.call("deleteLock", 204, name="free")
    c.call("deleteProcess", 204, name="awaited")


def events(c):
    before = c.call("getState", 200).json["last_event_id"]
    c.call("createProcess", 201, dict(SLEEP, name="watched"))
    c.call("signalProcess", 200, {"signal": "SIGCONT"}, name="watched")
    c.call("stopProcess", 200, name="watched")
    c.call("watchProcess", 200, until=lambda found: any(event["event"] == "process.exited" for event in found), name="watched")
    c.call("watchProcess", 200, query={"after": before + 1}, until=bool, name="watched")
    c.call("watchProcess", 422, query={"after": "x"}, name="watched")
    c.call("deleteProcess", 204, name="watched")
    answer = c.call(
        "watch", 200, headers={"Last-Event-ID": str(before)},
        until=lambda found: any(event["event"] == "process.deleted" for event in found))
    kinds = [event["event"] for event in answer.events]
    c.expect(kinds[:3] == ["process.created", "process.started", "process.signalled"], f"events come in order: {kinds}")
    c.expect(kinds[-1] == "process.deleted" and "process.exited" in kinds, f"a process ends before it is deleted: {kinds}")
    # All that has happened here, so that every type of event is held against its schema.
    last = c.call("getState", 200).json["last_event_id"]
    c.call("watch", 200, query={"after": 0}, until=lambda found: bool(found) and int(found[-1]["id"]) >= last)
    c.call("watch", 422, headers={"Last-Event-ID": "x"})
    c.call("watch", 422, query={"after": -1})


if __name__ == "__main__":
    checker = Checker(*sys.argv[1:3])
    for part in (health, processes, refusals, own_token, classes, sessions, semaphores, locks, conditions, the_events, barriers, queues, pipes, pools, arrays, values, signals, supervision, waiting, events):
        part(checker)
    checker.finish()
