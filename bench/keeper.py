"""`python -m bench.keeper`: what the keeper costs, in memory and time. Needs no engine; prints its figures alone."""

import contextlib
import os
import re
import resource
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from whale.keeper.client import ProcessKeeper
from whale.keeper.packets import close_all

ITEMS = 1000
TOGETHER = 4
ROUNDS = 5


def resident(process: int) -> int:
    """Resident memory in KiB."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())[0])


@contextlib.contextmanager
def descriptors() -> Iterator[tuple[int, ...]]:
    """What a session has: a socket and some memory."""
    ours, theirs = socket.socketpair()
    files = tuple(os.memfd_create("bench") for _ in range(TOGETHER - 1))
    with ours, theirs:
        yield (ours.fileno(), *files)
    close_all(files)


def measure(state_dir: Path) -> dict[str, float]:
    """One keeper from its start to its end."""
    found: dict[str, float] = {}
    start = time.perf_counter()
    keeper = ProcessKeeper(state_dir, ttl=0, environ=os.environ)
    found["start and greet a keeper, ms"] = (time.perf_counter() - start) * 1000
    found["keeper with no item, KiB resident"] = resident(keeper.process)
    times = []
    with descriptors() as some:
        for _ in range(ITEMS):
            name = secrets.token_hex(16)
            start = time.perf_counter()
            keeper.put(name, some)
            times.append((time.perf_counter() - start) * 1e6)
    found["put, median, µs"] = statistics.median(times)
    found["put, 99th percentile, µs"] = sorted(times)[ITEMS * 99 // 100]
    start = time.perf_counter()
    items = keeper.take_all()
    found[f"take all of {ITEMS} items, ms"] = (time.perf_counter() - start) * 1000
    found[f"keeper with {ITEMS} items, KiB resident"] = resident(keeper.process)
    for item in items:
        close_all(item.descriptors)
    keeper.close()
    return found


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as directory:
            rounds.append(measure(Path(directory)))
            time.sleep(0.2)  # the keeper takes its files away
    print(f"{TOGETHER} descriptors in each item; median of {ROUNDS} rounds")
    for name in rounds[0]:
        print(f"{statistics.median(each[name] for each in rounds):10.1f}  {name}")


if __name__ == "__main__":
    main()
