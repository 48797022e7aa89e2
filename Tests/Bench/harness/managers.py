"""Python's own service of the kind, multiprocessing.managers, beside ours."""

import contextlib
import json
import pathlib
import types
from multiprocessing.managers import SyncManager

from .clients import RawClient, UnixClient, calls_per_second


@contextlib.contextmanager
def manager(bench):
    """A server process on a Unix socket, of which this process is a client."""
    with SyncManager(address=str(bench.folder / "manager"), authkey=b"bench") as server:
        yield server


def compare(bench, service, figure, unit, call, requests):
    """`call` works on proxies; `requests` are the same work over HTTP: method, path, and a document if there is one."""
    seconds = bench.options.seconds
    files = [
        service.request(method, path, *(json.dumps(document) for document in documents))
        for method, path, *documents in requests
    ]
    raw_requests = [pathlib.Path(file).read_bytes() for file in files]
    # The load speaks to the same socket as the clients in Python do.
    server = types.SimpleNamespace(address=service.socket, pid=service.pid)
    with contextlib.closing(UnixClient(service.socket)) as client, contextlib.closing(RawClient(service.socket)) as raw:
        rounds = bench.rounds({
            "managers": lambda: calls_per_second(seconds, call),
            "Python, http.client": lambda: calls_per_second(
                seconds, lambda: [client.call(*request) for request in requests]),
            "Python, raw socket": lambda: calls_per_second(
                seconds, lambda: [raw.call(request) for request in raw_requests]),
            "C": lambda: bench.load(server, 1, *files).rate / len(files),
        })
    for side in ("Python, http.client", "Python, raw socket", "C"):
        bench.report.add(
            f"{figure} from {side}, beside managers", unit, rounds.median(side), rounds.median("managers"),
            rounds.ratio(side, "managers"))
