"""What the kernel tells of the machine and of a process."""

import os
import pathlib
import socket


def describe():
    model = next(
        (text.split(":")[1].strip() for text in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
         if text.startswith("model name")), "unknown CPU")
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, {os.uname().sysname} {os.uname().release}, load {load:.1f} at the start"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond: the ticks of /proc/PID/stat are too coarse for a second's work."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("a process without VmRSS")
