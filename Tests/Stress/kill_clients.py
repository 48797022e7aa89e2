#!/usr/bin/env python3
"""Puts messages through a queue to clients of which half are killed with SIGKILL, and says what became of each message.

    kill_clients.py URL TOKEN_FILE [--messages N] [--clients N] [--mode reserve|get|gone]

reserve: clients reserve and acknowledge, and are killed at random moments. Every message is acknowledged by one of them.
get: clients get, and are killed at random moments. At most one message is lost with each, none is had twice.
gone: clients are killed while they wait, then the messages come. None is lost.

Each client is a process, which writes down what it does before it does it; what it wrote outlives it."""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import tempfile
import time
import urllib.parse


class Queue:
    def __init__(self, url, token, name):
        self.address, self.token, self.name = urllib.parse.urlparse(url).netloc, token, name
        self.connection = http.client.HTTPConnection(self.address, timeout=120)

    def call(self, method, path, body=None, kind="application/json"):
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = kind
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.read()

    def verb(self, verb, body=None, kind="application/json"):
        return self.call("POST", f"/v1/queues/{self.name}/{verb}", body, kind)


def client(queue, mode, log, seed):
    """Takes messages until the queue is closed and nothing is in it."""
    choice = random.Random(seed)

    def note(text):
        os.write(log, f"{text}\n".encode())

    while True:
        status, body = queue.verb("reserve", b'{"lease":1}') if mode == "reserve" else queue.verb("get")
        if status == 410:
            return
        if status != 200:
            raise RuntimeError(f"{status} {body!r}")
        if mode != "reserve":
            note(f"got {body.decode()}")
            continue
        answer = json.loads(body)
        if choice.random() < 0.2:
            time.sleep(choice.random() * 0.003)
        note(f"acking {answer['value']}")
        status, _ = queue.verb("ack", json.dumps({"receipt": answer["receipt"]}).encode())
        if status == 204:
            note(f"acked {answer['value']}")


def start(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def put_all(queue, count):
    """Singly and in batches, to and fro."""
    next_id = 0
    while next_id < count:
        step = min(random.choice((1, 1, 1, 20)), count - next_id)
        ids = [str(number) for number in range(next_id, next_id + step)]
        kind = "application/json" if step == 1 else "application/x-ndjson"
        status, body = queue.verb("put", "\n".join(ids).encode(), kind)
        if status != 204:
            raise RuntimeError(f"{status} {body!r}")
        next_id += step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("token_file")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--mode", choices=("reserve", "get", "gone"), default="reserve")
    options = parser.parse_args()
    token = open(options.token_file).read().strip()
    name = f"kill-{options.mode}"

    def queue():
        return Queue(options.url, token, name)

    control = queue()
    status, body = control.call("PUT", f"/v1/queues/{name}", json.dumps({"maxsize": 500, "joinable": options.mode == "reserve"}))
    assert status == 201, body
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        clients = []
        for number in range(options.clients):
            log = os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            clients.append(start(lambda: client(queue(), options.mode, log, number)))
            os.close(log)
        victims = random.sample(clients, options.clients // 2)
        if options.mode == "gone":
            while json.loads(control.call("GET", f"/v1/queues/{name}")[1])["waiters"] < options.clients:
                time.sleep(0.02)
        putter = None if options.mode == "gone" else start(lambda: put_all(queue(), options.messages))
        for victim in victims:
            if options.mode != "gone":
                time.sleep(random.expovariate(1) * options.messages / 4000 / len(victims))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
        putter = putter or start(lambda: put_all(queue(), options.messages))
        failed = os.waitpid(putter, 0)[1] != 0
        control.verb("close")
        failed |= any([os.waitpid(pid, 0)[1] != 0 for pid in clients if pid not in victims])
        notes = [line.split() for number in range(options.clients) for line in open(f"{folder}/{number}")]
    state = json.loads(control.call("GET", f"/v1/queues/{name}")[1])
    seconds = time.monotonic() - begin
    control.call("DELETE", f"/v1/queues/{name}")

    ids = {str(number) for number in range(options.messages)}
    of = {word: [parts[1] for parts in notes if parts[0] == word and len(parts) == 2] for word in ("got", "acking", "acked")}
    done = of["acked"] if options.mode == "reserve" else of["got"]
    twice = len(done) - len(set(done))
    # Who is killed after the service has acknowledged, and before it could write that down, had begun to.
    lost = len(ids - set(of["acking"] if options.mode == "reserve" else of["got"]))
    allowed = len(victims) if options.mode == "get" else 0
    left = state["qsize"] + state["reserved"] + state["delayed"] + (state["unfinished"] or 0)
    print(
        f"{options.mode}: {options.messages} messages, {options.clients} clients, {len(victims)} killed: {lost} lost, {twice} had twice, "
        f"{left} left, {len(of['acking']) - len(of['acked'])} handed on, {seconds:.1f} s")
    sys.exit(1 if failed or lost > allowed or twice or left or not set(done) <= ids else 0)


if __name__ == "__main__":
    main()
