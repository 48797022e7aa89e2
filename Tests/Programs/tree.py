"""A tree of processes that does not want to end:

    tree.py COUNT FILE

Its COUNT descendants are deep (a quarter of them one chain, the others chains of seven) and wide, ignore SIGTERM and the like, have closed what they
inherited, and live in sessions of their own; of some the parents have ended. Each writes its pid into FILE, a line that
begins with `+`; a line `ready` follows when all are there."""

import os
import signal
import sys
import time

count, path = int(sys.argv[1]), sys.argv[2]
log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def settle():
    os.write(log, b"+%d\n" % os.getpid())


def live():
    os.close(log)
    while True:
        time.sleep(3600)


def grow(number, below):
    """The descendant of that number, and `below` further ones beneath it."""
    if number % 2:
        os.setsid()
    if number % 3 == 0 and os.fork():
        os._exit(0)  # The second fork: whoever is left has no parent.
    settle()
    if below and os.fork() == 0:
        grow(number + 1, below - 1)
    live()


for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)
for standard in (0, 1, 2):
    os.close(standard)
made = 0
while made < count:
    below = min(6 if made else count // 4, count - made - 1)
    if os.fork() == 0:
        grow(made, below)
    made += below + 1
while open(path).read().count("+") < count:
    time.sleep(0.005)
os.write(log, b"ready\n")
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(3600)
