"""What schemathesis has to be told about this service: where a request may wait, it shall not wait for long, and some of the
processes that it makes up shall run, so that what follows meets a process in each of its states."""

import atexit
import itertools
import json
import pathlib
import urllib.parse

import schemathesis
import yaml

SECONDS = 0.2


# A target may have 2 KiB, and every parameter takes of the memory that a connection has for its head. What becomes of heads
# that are too large for it is for the tests of the HTTP server to say.
LONGEST_QUERY = 1500
MOST_PARAMETERS = 30


@schemathesis.deserializer("application/octet-stream")
def as_text(context, response):
    return response.content.decode(errors="replace")


@schemathesis.deserializer("application/x-ndjson")
def as_lines(context, response):
    return response.content.decode()


# No schema has words for lines of JSON: what is made up becomes a line.
@schemathesis.serializer("application/x-ndjson")
def to_lines(context, value):
    return json.dumps(value).encode() + b"\n"


# What a shell may say for true and false; no schema has words for it.
BOOLEANS = ("block", "close", "follow", "force")
SHORT = ("", "1", "0", 1, 0)


@schemathesis.hook
def filter_case(context, case):
    # Whatever is made up for it is a line of JSON in the end.
    if case.media_type == "application/x-ndjson" and case.meta is not None and not case.meta.generation.mode.is_positive:
        return False
    if not isinstance(case.query, dict):
        return True
    if any(not isinstance(case.query.get(name, True), (bool, list, dict)) and case.query[name] in SHORT for name in BOOLEANS):
        return False
    query = urllib.parse.urlencode(case.query, doseq=True)
    return len(query) < LONGEST_QUERY and query.count("&") < MOST_PARAMETERS


# One in four is left as it was made up.
RUNNING = itertools.cycle(
    [
        None,
        {"command": ["/bin/sleep", "5"]},
        {"command": ["/bin/cat"], "stdin": "pipe"},
        {"command": ["/bin/echo", "hello"]},
    ]
)


def make_it_run(case):
    """Gives a process that is valid by its schema a program that is there, and takes away what is not."""
    fields = next(RUNNING)
    if fields is None:
        return
    for name in ("class", "cwd", "user", "limits", "args", "tty"):
        case.body.pop(name, None)
    case.body.update(fields)
    # So that a stream of its output ends before schemathesis gives up on it.
    case.body["timeout"] = {"seconds": 1, "grace": 0}
    if case.method == "PUT":
        case.body.pop("name", None)


# Likewise a pool's workers; that takes a moment, so two of three stay as they are.
WORKERS = itertools.cycle([None, None, {"python": {"source": "def square(x): return x * x"}}])


def make_it_work(case):
    worker = next(WORKERS)
    if worker is not None:
        for name in ("initializer", "initargs", "limits", "env", "window"):
            case.body.pop(name, None)
        case.body.update(processes=1, worker=worker)


DOCUMENT = yaml.safe_load((pathlib.Path(__file__).parents[2] / "openapi.yaml").read_text())


def takes_timeout(operation, path):
    parameters = operation.get("parameters", []) + DOCUMENT["paths"][path].get("parameters", [])
    return any(parameter.get("$ref") == "#/components/parameters/Timeout" for parameter in parameters)


# What waits until something happens, unless it is given a timeout.
WAITING = {
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if method != "parameters" and takes_timeout(operation, path)
}


def shortened(value):
    return min(value, SECONDS) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def tame(body):
    """Nothing that is made up shall end the service, or keep it busy for ever."""
    restart = body.get("restart")
    if isinstance(restart, dict):
        restart.pop("essential", None)
        restart.setdefault("max_retries", 1)
        if isinstance(restart["max_retries"], int) and restart["max_retries"] > 1:
            restart["max_retries"] = 1
        restart.pop("window", None)


def hurry(body):
    """A task that fails may be tried a million times, a day apart. And workers of made-up programs answer nothing: several items
    in turn have to be over before schemathesis gives up on the stream of their results. What is wrong stays wrong."""
    for name, most in (("timeout", 0.3), ("retries", 1), ("backoff", 0.1)):
        value = body.get(name)
        if value is None and name == "timeout":
            body[name] = most
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and value > most:
            body[name] = most


# What gives tasks to a pool, and waits for them or leaves that to others.
TASKS = ("/apply", "/map", "/starmap", "/imap", "/imap_unordered")
TASKS += tuple(f"{path}_async" for path in TASKS)


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict):
        tame(case.body)
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if case.operation.path.endswith(TASKS) and isinstance(case.body, dict):
        hurry(case.body)
    if is_valid and case.operation.path in ("/v1/processes", "/v1/processes/{name}") and isinstance(case.body, dict):
        make_it_run(case)
    if is_valid and case.operation.path in ("/v1/pools", "/v1/pools/{name}") and isinstance(case.body, dict):
        make_it_work(case)
    # A worker's output goes on for as long as it lives, and a process's for as long as nobody starts it. Its events, which are
    # followed unless that is said, are not waited for to the end.
    if case.operation.path.endswith("/output") and (case.query is None or isinstance(case.query, dict)):
        query = case.query or {}
        if query.get("follow", "/workers/" in case.operation.path) in (True, "true"):
            case.query = {**query, "follow": "false"}
    # A stream whose items nobody hands in.
    if "/imap" in case.operation.path and isinstance(case.body, dict) and isinstance(case.body.get("iterable"), dict):
        if case.body["iterable"].get("stream") is True:
            case.body["iterable"] = [1, 2]
    # Each worker is a Python that starts.
    if is_valid and "/v1/pools" in case.operation.path and isinstance(case.body, dict) and "processes" in case.body:
        case.body["processes"] = min(case.body["processes"] or 1, 2)
    # A queue that has room for nothing is of no use to what follows.
    if is_valid and case.operation.path in ("/v1/queues", "/v1/queues/{name}") and isinstance(case.body, dict):
        case.body.pop("max_bytes", None)
    # One that is wrong stays wrong.
    if (case.operation.method.upper(), case.operation.path) in WAITING and (case.query is None or isinstance(case.query, dict)):
        query = case.query or {}
        case.query = {**query, "timeout": shortened(query.get("timeout", SECONDS))}
    # Nothing that is made up shall end the service.
    if case.operation.path == "/v1/signals/handlers/{signal}" and isinstance(case.body, dict) and case.body.get("action") == "drain":
        case.body["action"] = "default"
    if case.operation.path == "/v1/signals/alarm" and isinstance(case.body, dict):
        case.body["seconds"] = 0
    # The grace is what a process gets that does not heed the signal.
    if case.operation.path.endswith("/stop") and isinstance(case.body, dict):
        if case.body.get("grace", 0) is not None:
            case.body["grace"] = shortened(case.body.get("grace", SECONDS))


# The summary names the operation alone, and hooks are not told of a response whose body stopped coming.
unanswered = None


def tell_unanswered():
    if unanswered is not None:
        print(f"no answer: {unanswered}", flush=True)


atexit.register(tell_unanswered)


@schemathesis.hook("before_call")
def note_call(context, case, kwargs):
    global unanswered
    tell_unanswered()
    unanswered = f"{case.method} {case.formatted_path} {case.query!r} {case.body!r}"


@schemathesis.hook("after_call")
def note_answer(context, case, response):
    global unanswered
    unanswered = None
