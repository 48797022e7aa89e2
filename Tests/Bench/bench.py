#!/usr/bin/env python3
"""Measures the service against the least that its work can cost, and against what does the same elsewhere: see --help.

What is compared is run in turn, round by round, so that a noisy machine is equally unfair to both; figures are medians
of the rounds, ratios the medians of each round's. CPU per request is the server's user and system time over the
requests that were answered.
"""

import argparse
import os
import pathlib
import sys

from harness import machine
from harness.bench import Bench
from topics import arrays, depth, handover, http, ipc, output, parked, processes, queues, semaphores

RELEASE = pathlib.Path(__file__).resolve().parent.parent.parent / ".build" / "release"
TOPICS = {
    topic.__name__.removeprefix("topics."): topic
    for topic in (http, processes, parked, output, queues, handover, depth, semaphores, arrays, ipc)
}


def parse():
    what = "\n".join(f"  {name}: {topic.__doc__}" for name, topic in TOPICS.items())
    parser = argparse.ArgumentParser(
        description="Measures the service beside bare C programs, Redis and Python's managers.",
        epilog=f"topics:\n{what}", formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often each figure is taken (5)")
    add("--seconds", type=float, default=2, help="how long each is measured in a round (2)")
    add("--only", action="append", choices=TOPICS, metavar="TOPIC", help="measure this alone; may be repeated")
    add("--connections", type=int, default=16, help="of the load in http (16)")
    add("--pace", type=int, default=20_000, help="requests/s of the comparisons at an equal rate (20000)")
    add("--clients", type=int, default=10_000, help="that are parked (10000)")
    add("--megabytes", type=int, default=500, help="that a process writes (500)")
    add("--messages", type=int, default=1_000_000, help="in the deep queue (1000000)")
    add("--mebibytes", type=int, default=256, help="of the array whose bytes are moved (256)")
    add("--binary", type=pathlib.Path, default=RELEASE / "procession", help="the service's program")
    add("--core", type=pathlib.Path, default=RELEASE / "CoreBench", help="the core without HTTP")
    add("--strict", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args()
    options.binary, options.core = options.binary.resolve(), options.core.resolve()
    return options


def main():
    options = parse()
    print(machine.describe(), flush=True)
    with open(os.devnull, "w") as log, Bench(options, log) as bench:
        for name in options.only or TOPICS:
            print(f"{name}: {TOPICS[name].__doc__}", flush=True)
            TOPICS[name].measure(bench)
    print()
    bench.report.print()
    sys.exit(1 if options.strict and bench.report.missed else 0)


if __name__ == "__main__":
    main()
