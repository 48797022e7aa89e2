"""What schemathesis has to be told about this service: where a request may wait, it shall not wait for long, and some of the
processes that it makes up shall run, so that what follows meets a process in each of its states."""

import itertools
import urllib.parse

import schemathesis

SECONDS = 0.2


# A target may have 2 KiB, and every parameter takes of the memory that a connection has for its head. What becomes of heads
# that are too large for it is for the tests of the HTTP server to say.
LONGEST_QUERY = 1500
MOST_PARAMETERS = 30


@schemathesis.deserializer("application/octet-stream")
def as_text(context, response):
    return response.content.decode(errors="replace")


# What a shell may say for true and false; no schema has words for it.
BOOLEANS = ("block", "close", "follow")
SHORT = ("", "1", "0", 1, 0)


@schemathesis.hook
def filter_case(context, case):
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
    for name in ("class", "cwd", "user", "limits", "args"):
        case.body.pop(name, None)
    case.body.update(fields)
    # So that a stream of its output ends before schemathesis gives up on it.
    case.body["timeout"] = {"seconds": 1, "grace": 0}
    if case.method == "PUT":
        case.body.pop("name", None)


def shortened(value):
    return min(value, SECONDS) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@schemathesis.hook
def before_call(context, case, kwargs):
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and case.operation.path in ("/v1/processes", "/v1/processes/{name}") and isinstance(case.body, dict):
        make_it_run(case)
    # Without a timeout these wait until the process ends. One that is wrong stays wrong.
    if case.operation.path.endswith(("/join", "/stdin")) and isinstance(case.query, dict):
        case.query["timeout"] = shortened(case.query.get("timeout", SECONDS))
    # The grace is what a process gets that does not heed the signal.
    if case.operation.path.endswith("/stop") and isinstance(case.body, dict):
        if case.body.get("grace", 0) is not None:
            case.body["grace"] = shortened(case.body.get("grace", SECONDS))
