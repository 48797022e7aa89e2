"""Clients in Python, over the service's Unix socket: as one would write them, and as fast as Python can."""

import http.client
import json
import socket
import time


def calls_per_second(seconds, call):
    count, start = 0, time.perf_counter()
    end = start + seconds
    while (now := time.perf_counter()) < end:
        call()
        count += 1
    return count / (now - start)


class UnixClient(http.client.HTTPConnection):
    """http.client, and json for what goes and comes."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))

    def call(self, method, path, document=None):
        body, headers = None, {}
        if document is not None:
            body, headers = json.dumps(document), {"Content-Type": "application/json"}
        self.request(method, path, body, headers)
        response = self.getresponse()
        answer = response.read()
        if response.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {response.status} {answer}")
        return json.loads(answer) if answer else None


class RawClient:
    """A socket, requests that were made before, and of the answer's head only what tells where the body is."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))

    def close(self):
        self.socket.close()

    def call(self, request):
        self.socket.sendall(request)
        answer = self.socket.recv(65536)
        while (end := answer.find(b"\r\n\r\n") + 4) < 4:
            answer += self._more()
        if answer[9:10] != b"2":
            raise RuntimeError(answer[:end].decode())
        at = answer.lower().find(b"\r\ncontent-length:", 0, end)
        length = int(answer[at + 17:answer.index(b"\r", at + 2)]) if at >= 0 else 0
        while len(answer) < end + length:
            answer += self._more()
        return json.loads(answer[end:]) if length else None

    def _more(self):
        part = self.socket.recv(65536)
        if not part:
            raise RuntimeError("the connection was closed")
        return part
