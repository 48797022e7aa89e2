"""openapi.yaml, and a client that holds every answer against it."""

import copy
import http.client
import json
import re
import socket
import sys
import time
import urllib.parse
import warnings
from pathlib import Path

import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Newer versions want another resolver, which Debian's has not.
    from jsonschema import Draft202012Validator, RefResolver

FILE = Path(__file__).resolve().parents[2] / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def closed(document):
    """The document with schemas that allow only the members that they name.

    A specification stays open to what later versions add; what this version sends must be in it."""
    document = copy.deepcopy(document)
    schemas = document["components"]["schemas"]

    def part(schema):
        return schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    for name, schema in schemas.items():
        parts = [part(each) for each in schema.get("allOf", [])]
        if parts:  # Made one, because parts of a whole cannot each forbid the others' members.
            schemas[name] = {
                "type": "object",
                "required": [member for each in parts for member in each.get("required", [])],
                "properties": {member: rule for each in parts for member, rule in each["properties"].items()},
            }
    for schema in schemas.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


class Operation:
    def __init__(self, method, path, item, raw):
        self.method, self.path, self.raw = method, path, raw
        self.name = raw["operationId"]
        self.parameters = item.get("parameters", []) + raw.get("parameters", [])


class Specification:
    def __init__(self, file=FILE):
        self.document = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        self.closed = closed(self.document)
        self.operations = {}
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = Operation(method.upper(), path, item, item[method])
                    self.operations[operation.name] = operation
        for operation in self.operations.values():
            operation.parameters = [self.resolve(parameter) for parameter in operation.parameters]

    def resolve(self, node, document=None):
        document = document or self.document
        while isinstance(node, dict) and "$ref" in node:
            target = document
            for part in node["$ref"][2:].split("/"):
                target = target[part]
            node = target
        return node

    def response(self, operation, status):
        found = operation.raw["responses"].get(str(status))
        return None if found is None else self.resolve(found)

    def errors(self, value, schema, is_closed=True):
        """What is wrong with a value, as a list of texts."""
        document = self.closed if is_closed else self.document
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            validator = Draft202012Validator(schema, resolver=RefResolver("", document))
            return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def content_errors(self, body, content_type, media):
        """What is wrong with a body, given the media type object of its content type."""
        schema = media.get("schema", {})
        essence = content_type.split(";")[0].strip()
        if essence == "text/event-stream":
            return [error for event in parse_events(body.decode()) for error in self.event_errors(event, schema)]
        if essence == "application/x-ndjson":
            try:
                for line in body.decode().splitlines():
                    json.loads(line)
            except ValueError as error:
                return [f"a line is not JSON: {error}"]
            return self.errors(body.decode(), schema)
        if essence.endswith("json"):
            try:
                return self.errors(json.loads(body), schema)
            except ValueError as error:
                return [f"not JSON: {error}"]
        if self.resolve(schema).get("format") == "binary":
            return []
        return self.errors(body.decode(), schema)

    def event_errors(self, event, schema):
        found = self.errors(event, schema)
        data = self.resolve(schema)["properties"]["data"]
        try:
            found += self.errors(json.loads(event.get("data", "")), data["contentSchema"])
        except ValueError as error:
            found.append(f"the data of an event is not JSON: {error}")
        return found


def parse_events(text):
    """The whole events of a stream, as objects of their fields."""
    events = []
    for block in text.split("\n\n")[:-1]:
        event = {}
        for line in block.split("\n"):
            if line and not line.startswith(":"):
                field, _, value = line.partition(":")
                event[field] = value.removeprefix(" ")
        if event:
            events.append(event)
    return events


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        return parse_events(self.body.decode())


class Checker:
    """Sends requests to a service and counts which answers are as specified."""

    def __init__(self, url, token_file):
        self.specification = Specification()
        self.host = urllib.parse.urlsplit(url).netloc
        self.token = Path(token_file).read_text().strip()
        self.passed, self.failed = 0, 0
        self.seen = {name: [] for name in self.specification.operations}

    def expect(self, is_true, what):
        if is_true:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}", flush=True)

    def send(self, method, target, body=None, headers=None, token=None, until=None, seconds=20):
        """Without knowing what it means. `until` ends a stream: it is asked after each line whether the events so far are
        enough. What takes longer than `seconds` is a TimeoutError, also a stream that only shows that it is alive."""
        deadline = time.monotonic() + seconds
        headers = dict(headers or {})
        token = self.token if token is None else token
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        connection = http.client.HTTPConnection(self.host, timeout=seconds)
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            content = b""
            if until is None:
                content = response.read()
            else:
                while not until(parse_events(content.decode())):
                    line = response.readline()
                    if not line:
                        break
                    content += line
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"no end of the stream after {seconds} s: {content[-400:]!r}")
            return Answer(response.status, response.headers, content)
        finally:
            connection.close()

    def stream(self, target, document):
        """Begins one, which goes on until the next begins."""
        self.streaming = http.client.HTTPConnection(self.host, timeout=20)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.streaming.request("POST", target, body=json.dumps(document).encode(), headers=headers)
        answer = self.streaming.getresponse()
        if answer.status != 200:
            raise SystemExit(f"POST {target}: {answer.read()!r}")
        return answer

    def call(
        self, operation_id, status, /, body=None, content_type=None, query=None, headers=None, token=None, until=None, **path
    ):
        """Calls an operation and checks its answer; `status` is what is expected here."""
        operation = self.specification.operations[operation_id]
        target = operation.path.format(**path)
        if query:
            target += "?" + urllib.parse.urlencode(query)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            content_type = content_type or "application/json"
        if content_type:
            headers["Content-Type"] = content_type
        try:
            answer = self.send(operation.method, target, body, headers, token, until)
        except (OSError, http.client.HTTPException) as error:
            self.expect(False, f"{operation_id}: {operation.method} {target}: {error!r}")
            raise SystemExit(1)
        self.seen[operation_id].append(answer.status)
        errors = self.answer_errors(operation, answer)
        if answer.status != status:
            errors.insert(0, f"the status is {answer.status} and not {status}: {answer.body[:400]!r}")
        self.expect(not errors, f"{operation_id}: {operation.method} {target}: " + "; ".join(errors))
        return answer

    def answer_errors(self, operation, answer):
        specified = self.specification.response(operation, answer.status)
        if specified is None:
            return [f"the status {answer.status} is not specified"]
        errors = []
        for header, rule in specified.get("headers", {}).items():
            rule = self.specification.resolve(rule)
            value = answer.headers.get(header)
            if value is None:
                if rule.get("required"):
                    errors.append(f"the header {header} is missing")
                continue
            errors += [f"{header}: {error}" for error in self.specification.errors(typed(value, rule["schema"]), rule["schema"])]
        content = specified.get("content")
        content_type = answer.headers.get("Content-Type")
        if content is None:
            return errors + (["there is a body"] if answer.body else [])
        if "*/*" in content and answer.status == 200:
            return errors  # A client's own bytes, of the type that it gave them.
        media = content.get((content_type or "").split(";")[0].strip())
        if media is None:
            return errors + [f"the content type {content_type} is not specified"]
        errors += self.specification.content_errors(answer.body, content_type, media)
        if answer.status >= 400 and not errors and answer.json["status"] != answer.status:
            errors.append("the problem has another status")
        return errors

    def finish(self, every_operation=True):
        for name, statuses in self.seen.items():
            if every_operation:
                self.expect(statuses, f"{name} was never called")
            if statuses:
                print(f"{name:20} {' '.join(str(status) for status in sorted(set(statuses)))}")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)


def typed(text, schema):
    """The value of a header or a parameter as its schema means it."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
