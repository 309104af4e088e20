"""A server that does one thing with its keeper and is then killed: `python -m tests.unit.keeper.owner WHAT STATE ...`.

It kills itself, so that nothing can happen between the last `put` and its end.
"""

import os
import secrets
import signal
import sys
import time
from pathlib import Path

from whale.keeper.client import ProcessKeeper


def put(state: Path, count: str, each: str) -> None:
    """Put so many items of so many descriptors."""
    keeper = ProcessKeeper(state, ttl=100, environ=os.environ)
    descriptors = [os.memfd_create("kept") for _ in range(int(each))]
    for _ in range(int(count)):
        keeper.put(secrets.token_hex(16), descriptors)


def put_unread(state: Path, count: str) -> None:
    """Put items while what the keeper has said is not read."""
    keeper = ProcessKeeper(state, ttl=100, environ=os.environ)
    keeper.put("f" * 32, [0])
    keeper._send(b"T")
    for number in range(int(count)):
        keeper.put(f"{number:032x}", [0])


def put_while_it_sleeps(state: Path, count: str) -> None:
    """Put items that the keeper can't read before this process is gone."""
    keeper = ProcessKeeper(state, ttl=100, environ=os.environ)
    os.kill(keeper.process, signal.SIGSTOP)
    for number in range(int(count)):
        keeper.put(f"{number:032x}", [0])


def connect(state: Path) -> None:
    """Connect, say which process keeps, and wait to be told to end."""
    keeper = ProcessKeeper(state, ttl=100, environ=os.environ)
    print(keeper.process, flush=True)
    sys.stdin.read()


def connect_at(state: Path, moment: str) -> None:
    """Connect at a moment of the monotonic clock, together with others; say which process keeps."""
    while time.monotonic() < float(moment):
        pass
    keeper = ProcessKeeper(state, ttl=100, environ=os.environ)
    print(keeper.process, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    what, place, *arguments = sys.argv[1:]
    globals()[what](Path(place), *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
