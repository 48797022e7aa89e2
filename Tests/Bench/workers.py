#!/usr/bin/env python3
"""Measures the python worker beside multiprocessing.Pool, on the same functions and sizes: see --help.

Both have as many workers, and are run in turn, round by round, so that a noisy machine is equally unfair to both; figures are
medians of the rounds. The daemon's part is done by workers.c, which is the least that a daemon can cost: what the service
itself adds is not in these figures. CPU per item is that of all processes, over the items.
"""

import argparse
import math
import multiprocessing
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
WORKER = HERE.parent.parent / "Sources" / "CEmbedded" / "worker.py"

# Name, items of a chunk (0: an apply for each), tasks outstanding at each worker, items in all.
CASES = [
    ("apply, one at a time", 0, 1, 10_000),
    ("apply, window 2", 0, 2, 50_000),
    ("map, chunks of 1", 1, 2, 50_000),
    ("map, chunks of 1, window 8", 1, 8, 50_000),
    ("map, chunks of 64", 64, 2, 500_000),
    ("map, chunks of 1024", 1024, 2, 1_000_000),
]


def cpu_seconds():
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def ours(program, count, window, chunk, items):
    command = [program, count, window, chunk, items, "math:sqrt", sys.executable, WORKER]
    return float(subprocess.check_output([str(part) for part in command], stdin=subprocess.DEVNULL))


def pythons(count, window, chunk, items):
    with multiprocessing.Pool(count) as pool:
        pool.map(math.sqrt, range(100), 1)
        start = time.monotonic()
        if chunk > 0:
            pool.map(math.sqrt, range(items), chunk)
        elif window > 1:
            for result in [pool.apply_async(math.sqrt, (item,)) for item in range(items)]:
                result.get()
        else:
            for item in range(items):
                pool.apply(math.sqrt, (item,))
        seconds = time.monotonic() - start
        pool.close()
        pool.join()
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/workers"
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, HERE / "workers.c"], check=True)
        print(f"{'items per second':28}{'worker.py':>12}{'Pool':>12}{'ratio':>8}   CPU us per item")
        for name, chunk, window, items in CASES:
            count = 1 if (chunk, window) == (0, 1) else options.workers
            rates, costs = ([], []), ([], [])
            for _ in range(options.rounds):
                for side, run in enumerate((lambda *case: ours(program, *case), pythons)):
                    before = cpu_seconds()
                    rates[side].append(items / run(count, window, chunk, items))
                    costs[side].append((cpu_seconds() - before) / items * 1e6)
            (mine, theirs), (cost, their_cost) = map(statistics.median, rates), map(statistics.median, costs)
            print(f"{name:28}{mine:12,.0f}{theirs:12,.0f}{mine / theirs:8.2f}{cost:10.2f} : {their_cost:.2f}", flush=True)


if __name__ == "__main__":
    main()
