"""Acquiring and releasing a semaphore, beside multiprocessing.managers."""

from harness.managers import compare, manager
from harness.servers import Service


def measure(bench):
    with Service(bench) as service, manager(bench) as server:
        service.create("semaphores", "s", value=1)
        semaphore = server.Semaphore(1)

        def pair():
            semaphore.acquire()
            semaphore.release()

        requests = [("POST", "/v1/semaphores/s/acquire"), ("POST", "/v1/semaphores/s/release")]
        compare(bench, service, "semaphore acquire+release", "pairs/s", pair, requests)
