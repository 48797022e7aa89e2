#!/usr/bin/env python3
"""Calls every operation of a running service, in success and in failure, and holds each answer against openapi.yaml: its
status, its headers, its content type and its body.

    check_schemas.py URL TOKEN_FILE

The service must be one of its own, without --allow-command. What is started here is ended here."""

import sys
import time

from specification import Checker

ECHO = {"command": ["/bin/echo", "hello"], "labels": {"team": "blue"}}
SLEEP = {"command": ["/bin/sleep", "60"]}


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
    c.call("startProcess", 200, name="everything")
    c.call("deleteProcess", 409, name="everything")
    c.call("signalProcess", 200, {"signal": "SIGUSR1"}, name="everything")
    c.call("signalProcess", 200, {"signal": 10, "to": "group"}, name="everything")
    c.call("signalProcess", 200, {"signal": "USR1", "to": "tree"}, name="everything")
    c.call("signalProcess", 422, {"signal": "SIGNOTHING", "to": "all", "x": 1}, name="everything")
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
    c.call("createProcess", 400, dict(ECHO, labels={"a\0b": "c"}))
    c.call("listProcesses", 422, query={"limit": "0", "cursor": "x", "label": "x", "state": "x", "sort": "x"})
    c.call("listProcesses", 400, query=[("limit", "1"), ("limit", "2")])
    c.call("listProcesses", 403, headers={"Origin": "http://example.com"})
    for name, operation in c.specification.operations.items():
        if "/{name}" in operation.path:
            body = {"signalProcess": {"signal": 15}, "setProcessAlarm": {"seconds": 1}}.get(name)
            if operation.method != "PUT":
                c.call(name, 404, body, name="nobody")
        if operation.raw.get("security") != []:
            c.call(name, 401, token="", name="nobody")


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
        ("setProcessAlarm", {"seconds": 1}), ("writeProcessStdin", b"x"), ("createClass", {}), ("putClass", {}),
        ("deleteClass", None),
    ):
        c.call(name, 403, body, name="other", token=token)
    c.call("stopProcess", 200, name="other")
    c.call("deleteProcess", 204, name="other")
    c.call("stopProcess", 200, name="own")
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
    for name in ("polite", "greeter", "Class-1"):
        c.call("deleteClass", 204, name=name)


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
    c.call("watch", 200, query={"after": 0}, until=lambda found: len(found) > 10)
    c.call("watch", 422, headers={"Last-Event-ID": "x"})
    c.call("watch", 422, query={"after": -1})


if __name__ == "__main__":
    checker = Checker(*sys.argv[1:3])
    for part in (health, processes, refusals, own_token, classes, events):
        part(checker)
    checker.finish()
