"""Clients that dawdle, send too much, want too much and never come back: what the others notice of them."""

import socket
import time

GIB = 1 << 30


def slow_readers(service):
    """A hundred that ask for much and read nothing, and ten that read a byte at a time."""
    service.ask("PUT", "/v1/arrays/big", {"typecode": "B", "length": GIB // 2, "lock": False})
    service.ask("PUT", "/v1/processes/yes", {"command": ["/usr/bin/yes"]})
    clients = []
    for number in range(110):
        client = service.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        path = "/v1/arrays/big/data" if number % 2 else "/v1/processes/yes/output?stream=stdout&follow=true"
        client.sendall(service.head("GET", path))
        clients.append(client)
    end = time.monotonic() + 5
    taken = 0
    while time.monotonic() < end:
        for client in clients[:10]:
            taken += len(client.recv(1))
        time.sleep(0.01)
    for client in clients:
        client.close()
    service.ask("POST", "/v1/processes/yes/kill")
    service.ask("DELETE", "/v1/arrays/big")
    return f"110 readers, {taken} bytes taken"


def long_bodies(service):
    """4 GiB for a queue, announced and in chunks, and 4 GiB for an array that has room for them."""
    service.ask("PUT", "/v1/queues/q", {})
    with service.connect() as client:
        client.sendall(service.head("POST", "/v1/queues/q/put", f"Content-Length: {4 * GIB}"))
        announced = client.recv(4096).split(b"\r\n")[0].decode()
    block = b"x" * (1 << 20)
    sent = 0
    with service.connect() as client:
        client.sendall(service.head("POST", "/v1/queues/q/put", "Transfer-Encoding: chunked"))
        try:
            while sent < 4 * GIB:
                client.sendall(b"100000\r\n" + block + b"\r\n")
                sent += len(block)
            ending = client.recv(4096).split(b"\r\n")[0].decode()
        except OSError as error:
            ending = type(error).__name__
    status, array = service.ask("PUT", "/v1/arrays/four", {"typecode": "B", "length": 4 * GIB, "lock": False})
    assert status == 201, array
    start = time.monotonic()
    with service.connect() as client:
        client.sendall(service.head("PUT", "/v1/arrays/four/data", f"Content-Length: {4 * GIB}"))
        for _ in range(4 * GIB // len(block)):
            client.sendall(block)
        stored = client.recv(4096).split(b"\r\n")[0].decode()
    seconds = time.monotonic() - start
    last = service.ask("GET", "/v1/arrays/four/items/-1")[1]
    assert last == {"value": ord("x")}, last
    assert service.ask("GET", "/v1/queues/q")[1]["qsize"] == 0
    service.ask("DELETE", "/v1/arrays/four")
    return (f"announced: {announced}; in chunks: {ending} after {sent >> 20} MiB; into the array: {stored}, "
            f"{4 * GIB / seconds / 1e9:.2f} GB/s")


def many_waiters(service):
    """A million `get`s of one client: as many connections as it is let have, each with sixty in a row."""
    service.ask("PUT", "/v1/queues/empty", {})
    request = service.head("POST", "/v1/queues/empty/get", "Content-Length: 0") * 60
    clients, refused, asked = [], 0, 0
    while asked < 1_000_000:
        try:
            client = service.connect()
            client.setblocking(False)
            asked += client.send(request) // (len(request) // 60)
        except OSError:
            refused += 1
            asked += 60
            continue
        clients.append(client)
    time.sleep(1)
    waiters = service.ask("GET", "/v1/queues/empty")
    for client in clients:
        client.close()
    deadline = time.monotonic() + 60
    while service.ask("GET", "/v1/queues/empty")[1]["waiters"] > 0:
        assert time.monotonic() < deadline, "the waiters are not gone"
        time.sleep(0.05)
    return f"{asked} asked for, {waiters[1]['waiters']} parked, {refused} connections refused"


def silent_sessions(service):
    """Two thousand sessions that take a permit or wait for one, and are never heard of again."""
    service.ask("PUT", "/v1/semaphores/s", {"value": 1000})
    names = [service.ask("POST", "/v1/sessions", {"ttl": 2})[1]["name"] for _ in range(2000)]
    for name in names[:1000]:
        assert service.ask("POST", "/v1/semaphores/s/acquire", session=name)[1]["acquired"]
    waiting = []
    for name in names[1000:]:
        client = service.connect()
        client.sendall(service.head(
            "POST", "/v1/semaphores/s/acquire?timeout=1", f"Procession-Session: {name}", "Content-Length: 0"))
        waiting.append(client)
    deadline = time.monotonic() + 30
    while service.ask("GET", "/v1/sessions")[1]["items"]:
        assert time.monotonic() < deadline, "the sessions do not end"
        time.sleep(0.1)
    semaphore = service.ask("GET", "/v1/semaphores/s")[1]
    for client in waiting:
        client.close()
    assert semaphore["value"] == 1000 and semaphore["waiters"] == 0, semaphore
    return "2000 ended, 1000 of 1000 permits are free again"


ALL = [slow_readers, long_bodies, many_waiters, silent_sessions]
