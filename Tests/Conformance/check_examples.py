#!/usr/bin/env python3
"""Sends every example of a request in openapi.yaml to a running service and holds the answer against what is specified, and
every example of an answer against its schema.

    check_examples.py URL TOKEN_FILE

The service must be one of its own; what it may start has to include /bin/echo, /bin/sleep and /bin/cat."""

import json
import sys
import urllib.parse

from specification import Checker

# What has to be there before an example makes sense. The name is the one in the examples of paths.
SLEEP = {"name": "hello", "command": ["/bin/sleep", "60"], "signals": {"SIGUSR1": "ignore"}}
NEEDED = {
    "startProcess": dict(SLEEP, start=False),
    "signalProcess": SLEEP,
    "terminateProcess": SLEEP,
    "killProcess": SLEEP,
    "stopProcess": SLEEP,
    "setProcessAlarm": SLEEP,
    "getProcessTree": SLEEP,
    "pauseProcess": SLEEP,
    "resumeProcess": SLEEP,
    "resizeProcess": {"name": "hello", "command": ["/bin/sleep", "60"], "tty": {"rows": 24, "cols": 80}},
    "wait": SLEEP,
    "writeProcessStdin": {"name": "hello", "command": ["/bin/cat"], "stdin": "pipe"},
}
ECHO = {"name": "hello", "command": ["/bin/echo", "hello"]}


# The resources of the examples, those that need others first.
RESOURCES = [
    ("conditions", "changed", {"lock": "journal"}),
    ("locks", "journal", {}),
    ("locks", "ledger", {}),
    ("semaphores", "slots", {"value": 3}),
    ("events", "ready", {}),
    ("barriers", "start", {"parties": 1}),
    ("queues", "tasks", {"maxsize": 100, "joinable": True}),
    ("pipes", "talk", {}),
    ("arrays", "totals", {"typecode": "q", "length": 3}),
    ("values", "best", {"typecode": "d"}),
    ("sessions", "owner", {}),
]
# Those of single operations, and the verbs that have to come before them.
INSTEAD = {"releaseBarrier": {"parties": 1, "action": True}}
BEFORE = {
    "releaseSemaphore": [("acquire", {"lease": 60}), ("acquire", {})],
    "releaseLock": [("acquire", {})],
    "releaseCondition": [("acquire", {})],
    "waitForCondition": [("acquire", {})],
    "notifyCondition": [("acquire", {})],
    "notifyAllCondition": [("acquire", {})],
    "waitForEvent": [("set", None)],
    "releaseBarrier": [("wait", None)],
    "getMessage": [("put", {"job": 7})],
    "peekMessage": [("put", {"job": 7})],
    "reserveMessage": [("put", {"job": 7})],
    "ackMessage": [("put", {"job": 7})],
    "nackMessage": [("put", {"job": 7})],
    "touchMessage": [("put", {"job": 7})],
    "receiveFromPipe": [("ends/1/send", {"job": 7})],
    "taskDone": [("put", {"job": 7}), ("put", {"job": 8})],
}
POOL = {"processes": 1, "worker": {"python": {"source": "def square(x):\n    print(x)\n    return x * x"}}}
# What answers with whatever was put.
MESSAGES = {"getMessage", "peekMessage", "receiveFromPipe"}


def prepare(c, operation, headers):
    """A service with what the operation needs and nothing of that name otherwise."""
    for kind, name, _ in RESOURCES:
        c.send("DELETE", f"/v1/{kind}/{name}")
    for kind, name, document in reversed(RESOURCES):
        path = f"/v1/{kind}/{name}"
        is_meant = operation.path.startswith(f"/v1/{kind}/{{name}}") and name != "journal"
        if is_meant and operation.method == "PUT" and operation.path.endswith("{name}"):
            continue
        call(c, "PUT", path, INSTEAD.get(operation.name, document) if is_meant else document)
        for verb, document in BEFORE.get(operation.name, []) if is_meant else []:
            call(c, "POST", f"{path}/{verb}", document, headers)
    c.send("POST", "/v1/processes/hello/stop")
    c.send("DELETE", "/v1/processes/hello")
    c.send("DELETE", "/v1/classes/greeter")
    if operation.name == "pause":
        call(c, "PUT", "/v1/signals/handlers/SIGALRM", {"action": "ignore"})
        call(c, "POST", "/v1/signals/alarm", {"seconds": 0.3})
    if "/v1/pools" in operation.path:
        c.send("DELETE", "/v1/pools/squares")
    if operation.method == "PUT":
        return
    if "/v1/pools/{name}" in operation.path:
        call(c, "PUT", "/v1/pools/squares", POOL)
        if operation.name == "putJobItems":
            c.stream("/v1/pools/squares/imap", {"func": "square", "iterable": {"stream": True}})
        elif operation.name == "readJobResults":
            call(c, "POST", "/v1/pools/squares/imap_async", {"func": "square", "iterable": [0, 1]})
        else:
            call(c, "POST", "/v1/pools/squares/apply_async", {"func": "square", "args": [16]})
    if operation.name == "joinPool":
        call(c, "POST", "/v1/pools/squares/close", None)
    if "/v1/processes/{name}" in operation.path or operation.name in NEEDED:
        needed = NEEDED.get(operation.name, ECHO)
        call(c, "POST", "/v1/processes", needed)
        if needed is ECHO:
            c.send("POST", "/v1/processes/hello/join")
    if "/v1/classes/{name}" in operation.path:
        call(c, "POST", "/v1/classes", {"name": "greeter", "command": ["/bin/echo"]})


def call(c, method, path, document, headers=None):
    headers = dict(headers or {})
    body = None
    if document is not None:
        body = json.dumps(document).encode()
        headers["Content-Type"] = "application/json"
    answer = c.send(method, path, body, headers)
    if answer.status not in (200, 201, 202, 204):
        raise SystemExit(f"{method} {path}: {answer.body!r}")
    return answer


def examples(content):
    """The examples of a media type object or a parameter."""
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        yield example["value"]


def parameter_text(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def send(c, operation, body, content_type, accept, with_optional):
    path, query, headers = {}, {}, {}
    for parameter in operation.parameters:
        value = next(examples(parameter), None)
        c.expect(value is not None, f"{operation.name}: the parameter {parameter['name']} has no example")
        place = {"path": path, "query": query, "header": headers}[parameter["in"]]
        if parameter.get("required") or with_optional:
            place[parameter["name"]] = parameter_text(value)
    prepare(c, operation, headers)
    if operation.name == "waitForCondition":
        query.setdefault("timeout", "0.1")  # Nobody notifies it.
    if operation.name in ("ackMessage", "nackMessage", "touchMessage"):
        # The example's is none that this service gave.
        reserved = call(c, "POST", "/v1/queues/tasks/reserve", None, headers)
        body = json.dumps(dict(json.loads(body), receipt=reserved.json["receipt"])).encode()
    if accept:
        headers["Accept"] = accept
    if content_type:
        headers["Content-Type"] = content_type
    target = operation.path.format(**path) + ("?" + urllib.parse.urlencode(query) if query else "")
    # A stream goes on; one event shows what it is.
    until = bool if accept == "text/event-stream" else None
    if until and operation.name == "watch" and not with_optional:
        target += "?after=0"
    answer = c.send(operation.method, target, body, headers, until=until)
    c.seen[operation.name].append(answer.status)
    errors = c.answer_errors(operation, answer)
    if not 200 <= answer.status < 300:
        errors.insert(0, f"the example is answered {answer.status}: {answer.body!r}")
    elif accept and operation.name not in MESSAGES and answer.headers.get("Content-Type", "").split(";")[0] != accept:
        errors.append(f"the answer is {answer.headers.get('Content-Type')} and not {accept}")
    c.expect(not errors, f"{operation.name}: {operation.method} {target}: {'; '.join(errors)}")


def run(c, operation):
    success = next(c.specification.resolve(response) for status, response in operation.raw["responses"].items() if status < "300")
    bodies = [(None, None)]
    if "requestBody" in operation.raw:
        content = c.specification.resolve(operation.raw["requestBody"])["content"]
        bodies = [(example, kind) for kind, media in content.items() for example in examples(media)]
        c.expect(bodies, f"{operation.name} has an example of its request")
        for kind, media in content.items():
            for example in examples(media):
                errors = c.specification.errors(example, media["schema"])
                c.expect(not errors, f"{operation.name}: the example of its request: {'; '.join(errors)}")
    for example, kind in bodies:
        body = example.encode() if isinstance(example, str) else None if example is None else json.dumps(example).encode()
        for accept in success.get("content", {None: None}):
            for with_optional in (False, True):
                send(c, operation, body, kind, accept, with_optional)


def check_answers(c, operation):
    """The examples of answers, against their schemas."""
    for status, response in operation.raw["responses"].items():
        response = c.specification.resolve(response)
        for kind, media in response.get("content", {}).items():
            found = list(examples(media))
            c.expect(found, f"{operation.name}: the answer {status} has an example as {kind}")
            for example in found:
                if kind == "text/event-stream":
                    errors = c.specification.content_errors((example.rstrip("\n") + "\n\n").encode(), kind, media)
                else:
                    errors = c.specification.errors(example, media["schema"])
                if kind == "application/problem+json" and str(example["status"]) != status:
                    errors.append("it has another status")
                c.expect(not errors, f"{operation.name}: the example of the answer {status}: {'; '.join(errors)}")


if __name__ == "__main__":
    checker = Checker(*sys.argv[1:3])
    for operation in checker.specification.operations.values():
        check_answers(checker, operation)
        run(checker, operation)
    checker.finish()
