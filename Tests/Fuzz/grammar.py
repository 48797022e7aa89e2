"""Requests that are nearly right: where they go, what they carry, and what a mutation makes of them."""

import json

NAMES = ["Process-1", "f1", "f2", "f3", "current", "none", "Class-1", "c1", "a" * 64, "a" * 65, "-", "%41"]
VERBS = ["start", "join", "signal", "terminate", "kill", "stop", "alarm", "stdin", "output", "events", "nothing"]
PATHS = ["/healthz", "/readyz", "/metrics", "/version", "/openapi.yaml", "/v1/processes", "/v1/classes", "/v1/state",
         "/v1/watch", "/v1/processes/current", "/v1/none", "/"]
QUERIES = ["", "", "", "?timeout=0", "?timeout=0.01", "?block=false", "?limit=1", "?cursor=1", "?state=running",
           "?stream=both", "?offset=-10", "?offset=99999", "?label=a=b", "?prefix=f", "?close=true",
           "?follow=false", "?x=1"]


def operation(random, with_body=False):
    """A method and a target."""
    if with_body:
        name = random.choice(NAMES)
        target = random.choice([
            "/v1/processes", "/v1/processes", f"/v1/processes/{name}", f"/v1/classes/{name}", "/v1/classes",
            f"/v1/processes/{name}/signal", f"/v1/processes/{name}/alarm", f"/v1/processes/{name}/stop",
            f"/v1/processes/{name}/stdin?timeout=0.01"])
        return (b"PUT" if target.endswith("/" + name) else b"POST"), target.encode()
    method = random.choice([b"GET", b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"BREW"])
    path = random.choice(PATHS)
    if random.random() < 0.6:
        path = "/v1/processes/" + random.choice(NAMES) + random.choice(["", "/" + random.choice(VERBS)])
    return method, (path + random.choice(QUERIES)).encode()


def head(random, token, method, target, lines, keep=False):
    version = b"HTTP/1.1"
    if random.random() < 0.05:
        version = random.choice([b"HTTP/1.0", b"HTTP/1.9", b"HTTP/0.9", b"http/1.1", b""])
    fields = [b"Host: localhost"] if random.random() < 0.97 else []
    if random.random() < 0.95:
        fields.append(b"Authorization: Bearer " + token.encode())
    fields.append(b"Connection: " + (b"keep-alive" if keep else b"close"))
    end = b"\r\n" if random.random() < 0.97 else b"\n"
    return end.join([method + b" " + target + b" " + version, *fields, *lines, b"", b""])


def request(random, token, method=None, target=None, body=None, keep=False):
    if method is None:
        method, target = operation(random, with_body=random.random() < 0.4)
        if method in (b"POST", b"PUT"):
            body = body_for(random, target)
    if body is None:
        return head(random, token, method, target, [], keep)
    lines = [b"Content-Type: application/json"]
    if random.random() < 0.1:
        lines.append(b"Transfer-Encoding: chunked")
        return head(random, token, method, target, lines, keep) + chunked(random, body)
    return head(random, token, method, target, [*lines, b"Content-Length: %d" % len(body)], keep) + body


def body_for(random, target):
    """A document of the operation's own fields, most of them good."""
    def odd(*good):
        return random.choice(good) if random.random() < 0.85 else value(random, 2)
    if b"/stdin" in target:
        return junk(random, random.choice([0, 1, 1000, 70_000]))
    if b"/signal" in target:
        signal = odd("SIGTERM", "USR1", 9, 15, "SIGCONT", "RTMIN+1", 0)
        return dump({"signal": signal, "to": odd("process", "group", "tree")})
    if b"/alarm" in target:
        return dump({"seconds": odd(0, 0.01, 1e8, 1e300, -1)})
    if b"/stop" in target:
        return dump({"signal": odd("SIGTERM", "SIGINT"), "grace": odd(0, 0.01, 0.1)})
    fields = {
        "command": lambda: odd(
            ["/bin/true"], ["/bin/cat"], ["/bin/echo", "x" * 100], ["/usr/bin/yes"], ["/bin/sleep", "2"]),
        "name": lambda: odd(*NAMES), "class": lambda: odd("c1", "none"), "extends": lambda: odd("c1", "Class-1"),
        "args": lambda: odd(["a"], ["\u00e9", ""]), "env": lambda: odd({"A": "b"}, {"": "x"}, {"A": "x" * 200_000}),
        "cwd": lambda: odd("/", "/no/such", "/etc/passwd", ""),
        "user": lambda: odd("nobody", "no-one", "0", "4294967295:1"),
        "umask": lambda: odd("022", 0, 511, 512, "9"), "stdin": lambda: odd("null", "pipe", {"text": "x" * 1000}),
        "stdout": lambda: odd("capture", "null"), "stderr": lambda: odd("capture", "null", "stdout"),
        "signals": lambda: odd({"SIGINT": "ignore"}, {"SIGKILL": "ignore"}), "daemon": lambda: odd(True, False),
        "limits": lambda: odd({"cpu_seconds": 1}, {"open_files": 3}, {"address_space": 1}, {"core": 2**63}),
        "timeout": lambda: odd({"seconds": 0.01}, {"seconds": 0, "grace": 0}),
        "labels": lambda: odd({"a": "b"}, {"": ""}),
        "start": lambda: odd(True, False), "inherit_env": lambda: odd(True, False), "tty": lambda: {"rows": 1},
    }
    chosen = random.sample(list(fields), random.randint(0, 5))
    if random.random() < 0.8:
        chosen.insert(0, "command")
    return dump({name: fields[name]() for name in dict.fromkeys(chosen)})


def dump(document):
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def value(random, depth):
    """Any JSON value, with a liking for the ends of ranges."""
    if depth and random.random() < 0.4:
        if random.random() < 0.5:
            return [value(random, depth - 1) for _ in range(random.randint(0, 4))]
        names = ["", "a", "/", "~", "text", "seconds"]
        return {random.choice(names): value(random, depth - 1) for _ in range(random.randint(0, 4))}
    return random.choice([
        None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -2**63, 1.5, 1e308, "", "x", "\0", "\u00e9", "\ud83d\ude00",
        "\u2028", "a" * 3000, "SIGKILL", "null"])


def random_json(random):
    kind = random.random()
    if kind < 0.4:
        return dump(value(random, 4))
    if kind < 0.6:
        return mutate(random, body_for(random, b"/v1/processes"))
    return random.choice([
        b"", b"[" * 10_000, b'{"a":' * 5000, b"[" * 40 + b"]" * 40,
        b'{"command":["/bin/true"],"command":["x"]}', b"\xef\xbb\xbf{}",
        b"1e999", b"99999999999999999999", b'{"umask":1e0}', b'"\\ud800"', b'"\\u0000"', b"{} {}", b"{}\0",
        b"nul", b"-", b"[1,]",
        b'{"a\\u0000":1}', b"[" + b"0," * 50_000 + b"0]", b"[" + b"{}," * 30_000 + b"{}]",
        b'{"' + b"a" * 100_000 + b'":1}',
        b"{" + b",".join(b'"k%d":1' % number for number in range(5000)) + b"}", b'"\xff"', b'"\xed\xa0\x80"',
        b'"\xc0\x80"'])


def chunked(random, body, odd=False):
    data = b""
    while body:
        count = min(len(body), random.choice([1, 7, 100, 5000]))
        size = b"%x" % count
        if odd and random.random() < 0.2:
            size = random.choice([
                b"0x" + size, size + b" ", b"-" + size, b"F" * 17, b"", size + b";ext=1", size.upper(), b"00" + size])
        end = random.choice([b"\n", b"", b"xx"]) if odd and random.random() < 0.1 else b"\r\n"
        data += size + b"\r\n" + body[:count] + end
        body = body[count:]
    ends = [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nTrailer: x\r\nHost: evil\r\n\r\n"]
    return data + random.choice(ends + ([b"", b"0\r\n"] if odd else []))


def mutate(random, data):
    """A few bytes changed, removed, doubled or put elsewhere."""
    data = bytearray(data)
    for _ in range(random.randint(1, 6)):
        if not data:
            break
        at = random.randrange(len(data))
        kind = random.randrange(6)
        if kind == 0:
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at:at + random.randint(1, 8)]
        elif kind == 2:
            data[at:at] = data[at:at + random.randint(1, 40)]
        elif kind == 3:
            data[at:at] = random.choice([b"\r\n", b"\0", b"\n", b" ", b":", b"%00", b"\xff\xfe", b"\r\n\r\n",
                b"9" * 20])
        elif kind == 4:
            data[at] ^= 1 << random.randrange(8)
        else:
            data = data[:at] + data[random.randrange(len(data)):]
    return bytes(data)


def junk(random, count):
    return random.randbytes(count)
