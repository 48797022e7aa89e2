#!/usr/bin/env python3
"""Throws broken, hostile and merely odd HTTP at a daemon that it starts itself, and watches that it stays well.

    fuzz.py BINARY [--seconds N] [--seed N] [--threads N] [--case SEED]

Each case is made from a seed of its own alone; `--case SEED` sends that one again, and prints it. Fails when /healthz
takes longer than a second, when the daemon ends or crashes, or when its descriptors or memory do not come down again.
"""

import argparse
import random
import sys
import threading
import time

from cases import make_case
from daemon import Daemon, Unwell


def worker(daemon, seeds, deadline, counts):
    while time.monotonic() < deadline and daemon.is_running():
        seed = seeds()
        case = make_case(seed, daemon)
        name, sent = case.name, case.run(daemon)
        with counts["lock"]:
            counts[name] = counts.get(name, 0) + 1
            counts["recent"].append((seed, name))
            del counts["recent"][:-50]
            counts["bytes"] = counts.get("bytes", 0) + sent


def watch(daemon, deadline, allowed, worst):
    """Asks for its health all the time."""
    while time.monotonic() < deadline:
        began = time.monotonic()
        daemon.check_health(timeout=5)
        took = time.monotonic() - began
        worst[0] = max(worst[0], took)
        if took > allowed:
            raise Unwell(f"/healthz took {took:.2f} s")
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--case", type=int, default=None)
    parser.add_argument("--health", type=float, default=1.0, help="seconds that /healthz may take")
    parser.add_argument("--body", type=int, default=100_000, help="bytes of the largest body; less for slow builds")
    parser.add_argument("--growth", type=int, default=64, help="MiB that may stay with the daemon")
    options = parser.parse_args()

    with Daemon(options.binary, options.body) as daemon:
        if options.case is not None:
            case = make_case(options.case, daemon)
            print(case.name, repr(case.pieces)[:4000])
            case.run(daemon)
            daemon.check_health(timeout=5)
            print("the daemon is well")
            return 0
        seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
        print(f"seed {seed}, {options.seconds:.0f} s, {options.threads} threads", flush=True)
        return fuzz(daemon, options, seed)


def fuzz(daemon, options, seed):
    source, lock = random.Random(seed), threading.Lock()

    def seeds():
        with lock:
            return source.getrandbits(48)

    daemon.warm_up()
    before = daemon.measure()
    counts, worst = {"lock": threading.Lock(), "recent": []}, [0.0]
    deadline = time.monotonic() + options.seconds
    threads = [
        threading.Thread(target=worker, args=(daemon, seeds, deadline, counts), daemon=True)
        for _ in range(options.threads)
    ]
    for thread in threads:
        thread.start()
    try:
        watch(daemon, deadline, options.health, worst)
        for thread in threads:
            thread.join(30)
        after = daemon.settle(before, options.growth << 20)
        code = daemon.stop()
        if code != 0:
            raise Unwell(f"the daemon ended with {code}")
    except Unwell as problem:
        print(f"FAILED (seed {seed}): {problem}")
        print("the last cases, for --case:", counts["recent"])
        print("the end of the log:", *daemon.log_tail(20), sep="\n  ")
        return 1
    kinds = {name: count for name, count in counts.items() if name not in ("lock", "recent", "bytes")}
    print(f"{sum(kinds.values())} cases, {counts.get('bytes', 0) >> 20} MiB:", kinds)
    print(f"slowest /healthz {worst[0] * 1000:.0f} ms; descriptors {before.fds} -> {after.fds};"
          f" memory {before.rss >> 20} -> {after.rss >> 20} MiB; no crash")
    return 0


if __name__ == "__main__":
    sys.exit(main())
