"""Back at work after the network returns: from then until a key that is typed has its echo.

Over a wire that delays every packet, in networks of its own: a proxy on loopback would answer new connections itself.
`delay` is one way, a round trip is twice that.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from bench.bed import BUSYBOX, Bed
from bench.echo import COMMAND, READY
from bench.model import Bar, BenchError, Result, Samples
from bench.process import Terminal
from bench.rounds import Progress
from bench.server import running_server
from bench.wire import ELSEWHERE, FAR, NEAR, Wire, wire

NAME = "return"

DELAYS = (0.0, 0.05, 0.2)

IDLE, TYPED, MOVED = "idle", "typed", "moved"
WAYS = (IDLE, TYPED, MOVED)
"""Nothing is typed while the network is gone; a key is typed while it is gone; it comes back with another address."""

ALLOWANCE = 0.1
"""Seconds that a return may take beside a round trip."""

CALM = 1.5
"""Seconds after which a client watches its network."""

SETTLING = 0.5
"""Seconds, beside two round trips, for a connection to come to rest after a return."""

_ROUND_TRIP = """
import socket, time
took = []
for _ in range(5):
    begin = time.perf_counter()
    socket.create_connection((%r, %d)).close()
    took.append(time.perf_counter() - begin)
print(sorted(took)[2])
"""


class User(NamedTuple):
    """How to type at a terminal in the near network, and how to wait for what it shows."""

    type: Callable[[bytes], object]
    wait_for: Callable[[bytes], object]


class Outages:
    """Lets the network go and come back, again and again. The command at the other end echoes keys."""

    def __init__(self, line: Wire, user: User) -> None:
        self._wire = line
        self._user = user
        self._count = 0
        self._here, self._there = NEAR, ELSEWHERE

    def one(self, way: str, *, seconds: float) -> float:
        """Have an outage of so many seconds; return the seconds from its end until a key has its echo."""
        key = b"%c" % (ord("A") + self._count % 26)  # no other capital letter is shown
        self._count += 1
        self._wire.pull()
        if way == TYPED:
            self._user.type(key)
        time.sleep(seconds)
        if way == MOVED:
            self._wire.renumber(self._here, self._there)
            self._here, self._there = self._there, self._here
        begin = self._wire.plug()
        if way != TYPED:
            self._user.type(key)
        self._user.wait_for(key)
        took = time.monotonic() - begin
        time.sleep(SETTLING + 4 * self._wire.delay)
        return took


def round_trip(line: Wire, port: int) -> float:
    """Measure what a new TCP connection takes over the wire: one round trip."""
    program = _ROUND_TRIP % (FAR, port)
    done = subprocess.run(
        [*line.near.inside, sys.executable, "-c", program], capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        raise BenchError(f"nobody answers at the other end of the wire: {done.stderr.decode()[-300:]}")
    return float(done.stdout)


def run(bed: Bed) -> Result:
    """All ways at all delays."""
    container = bed.container(BUSYBOX)
    rounds = bed.rounds(20, 2)
    progress = Progress(NAME, len(DELAYS) * len(WAYS) * rounds)
    samples: dict[str, Samples] = {}
    bars: list[Bar] = []
    facts: dict[str, str | int | float] = {}
    for delay in DELAYS:
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(wire(delay=delay))
            server = stack.enter_context(
                running_server(bed.installed.whale_server, bed.host, inside=line.far.inside, host=FAR)
            )
            trip = round_trip(line, server.address[1])
            name = f"{delay * 1000:.0f} ms"
            facts[f"round trip at {name} one way, ms"] = trip * 1000
            argv = [
                *[f"/usr/bin/{word}" if word == "nsenter" else word for word in line.near.inside],
                *(bed.installed.whale, "--insecure-http", "exec", "-it", container, *COMMAND),
            ]
            terminal = stack.enter_context(Terminal(argv, server.environment))
            terminal.read_until(READY)
            time.sleep(CALM)
            outages = Outages(line, User(lambda key, fd=terminal.fd: os.write(fd, key), terminal.read_until))  # type: ignore[misc]
            for way in WAYS:
                took = []
                for number in range(rounds):
                    took.append(1000 * outages.one(way, seconds=0.5 + 0.05 * (number % 20)))
                    progress.at((len(samples)) * rounds + number + 1)
                found = samples[f"{way}, {name}"] = Samples(tuple(took))
                limit = round((trip + ALLOWANCE) * 1000, 1)
                bars.append(Bar(f"back at work, {way}, {name} one way", "", found.median, limit, "ms", True))
    return Result(NAME, "Back at work after the network returns", "ms", samples, tuple(bars), facts)
