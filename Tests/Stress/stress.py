#!/usr/bin/env python3
"""What is to hold for long, or in the face of the worst clients. Takes minutes and prints what it saw.

    stress.py BINARY [--only TOPIC] [--seconds N] [--rounds N]

hostile: slow and dead readers, 4 GiB of a body, a million waiters, silent sessions, while /healthz is asked for.
adders: 64 clients add 1 to an item while two local programs do the same with atomic instructions.
tours: the README's tour of the primitives, again and again."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import hostile
from service import Service, Watch

TESTS = pathlib.Path(__file__).resolve().parent.parent


def compile_c(folder, *sources):
    program = pathlib.Path(folder, sources[0].stem)
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, *sources], check=True)
    return program


def run_hostile(options):
    for attack in hostile.ALL:
        with Service(options.binary, "--max-shared-bytes", str(5 << 30)) as service:
            with Watch(service) as watch:
                outcome = attack(service)
            print(f"{attack.__name__}: {outcome}\n  {watch}", flush=True)


def run_adders(options):
    with Service(options.binary) as service, tempfile.TemporaryDirectory() as folder:
        load = compile_c(folder, TESTS / "Bench/load.c", TESTS / "Bench/client.c")
        adder = compile_c(folder, TESTS / "Programs/adder.c")
        array = service.ask("PUT", "/v1/arrays/a", {"typecode": "Q", "length": 2, "lock": False})[1]
        body = '{"value":1}'
        request = pathlib.Path(folder, "request")
        request.write_bytes(service.head(
            "POST", "/v1/arrays/a/items/1/add", "Content-Type: application/json", f"Content-Length: {len(body)}") + body.encode())
        step, steps, end = 1_000_000, [], time.monotonic() + options.seconds

        def add_locally():
            while time.monotonic() < end:
                subprocess.run([adder, array["path"], "Q", str(step)], check=True)
                steps.append(step)

        locals = [threading.Thread(target=add_locally) for _ in range(2)]
        for thread in locals:
            thread.start()
        answer = subprocess.run(
            [load, "rate", str(service.port), "64", str(options.seconds), request], check=True, stdout=subprocess.PIPE, text=True)
        for thread in locals:
            thread.join()
        requests, failures, _ = (float(word) for word in answer.stdout.split())
        total = service.ask("GET", "/v1/arrays/a/items/1")[1]["value"]
        assert failures == 0, answer.stdout
        print(f"adders: {requests:,.0f} over HTTP from 64 clients, {sum(steps):,} by two programs in {options.seconds} s; "
              f"sum {total:,}: {'exact' if total == requests + sum(steps) else 'WRONG'}", flush=True)
        return total == requests + sum(steps)


def run_tours(options):
    readme = (TESTS.parent / "README.md").read_text()
    tour = readme.split("```sh primitives\n")[1].split("\n```")[0]
    expected = [line[4:] for line in tour.splitlines() if line.startswith("#=> ")]
    right, times = 0, []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as home, Service(options.binary, home=home) as service:
            start = time.monotonic()
            done = subprocess.run(
                ["/bin/bash", "-euc", tour], cwd=home, env={"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin"},
                stdout=subprocess.PIPE, text=True, timeout=60)
            times.append(time.monotonic() - start)
            if done.returncode == 0 and done.stdout.splitlines() == expected:
                right += 1
            else:
                print(f"tour {number}: exit code {done.returncode}, {done.stdout!r}", flush=True)
    print(f"tours: {right} of {options.rounds} right, {min(times):.2f} to {max(times):.2f} s each", flush=True)
    return right == options.rounds


def main():
    topics = {"hostile": run_hostile, "adders": run_adders, "tours": run_tours}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--only", choices=topics, action="append")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    results = [topics[name](options) for name in options.only or topics]
    sys.exit(0 if all(result is not False for result in results) else 1)


main()
