"""Many terminals that scroll at once: each its 40 KB/s in pieces, through a server that has one core.

A session is late when a piece is complete at the client more than a second after its program was due to write it.
Where not all are on time, fewer are tried, so that the figure is a number of sessions that works.
"""

import os
from typing import NamedTuple

from bench.bed import Bed
from bench.crowd import started
from bench.model import Bar, BenchError, Result, Samples
from bench.server import running_server
from scripts.provision.say import say

NAME = "streaming"

SESSIONS = 1500
RATE = 40_000
PIECES = (4096, 1024)
LATE_MS = 1000.0
FEWER = 0.8
_TRIES = 6


class Cores(NamedTuple):
    """Who runs where."""

    server: int
    client: int


class Found(NamedTuple):
    """What one run of streams showed."""

    latest_ms: list[float]
    """By how much each session's latest piece was late."""
    all_open: bool
    facts: dict[str, float]

    @property
    def is_on_time(self) -> bool:
        """True when all sessions streamed and none was late."""
        return self.all_open and max(self.latest_ms) <= LATE_MS


def run(bed: Bed) -> Result:
    """Stream from the fake engine with each size of pieces."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("the server needs one core for itself and the load another one")
    samples: dict[str, Samples] = {}
    facts: dict[str, str | int | float] = {"rate of each session, KB/s": RATE / 1000}
    bars = []
    wanted = bed.rounds(SESSIONS, SESSIONS // 10)
    for piece in PIECES:
        label = f"pieces of {piece // 1024} KiB"
        sessions, found = most_on_time(bed, wanted, piece, Cores(cores[0], cores[1]))
        samples[f"whale, {label}"] = Samples(tuple(found.latest_ms))
        facts[f"sessions, none late, {label}"] = sessions
        facts |= {f"{name}, {label}": value for name, value in found.facts.items()}
        if piece == PIECES[0]:
            bars.append(
                Bar("sessions streaming 40 KB/s, none late by more than 1 s", "", sessions, wanted, "sessions", False)
            )
    return Result(NAME, "Latest piece of each session, server on one core", "ms", samples, tuple(bars), facts)


def most_on_time(bed: Bed, wanted: int, piece: int, cores: Cores) -> tuple[int, Found]:
    """The number of sessions, at most `wanted`, of which none was late, and what they showed. 0 if there is none."""
    sessions = wanted
    for _ in range(_TRIES):
        say(f"{NAME}: {sessions} sessions in pieces of {piece} bytes")
        found, failure = None, None
        try:
            found = measure(bed, sessions, piece, cores)
        except BenchError as error:  # a server with far too much to do lets nobody in
            failure = error
        if found is not None and found.is_on_time:
            return sessions, found
        sessions = int(sessions * FEWER)
    if found is None:
        raise BenchError(str(failure))
    return 0, found


def measure(bed: Bed, sessions: int, piece: int, cores: Cores) -> Found:
    """Stream for a while on a server of its own."""
    seconds = bed.rounds(25, 5)
    with (
        running_server(bed.installed.whale_server, "fake://c", core=cores.server) as server,
        started(
            server, "stream", container="c", sessions=sessions, core=cores.client,
            rate=RATE, piece=piece, seconds=seconds,
        ) as load,
    ):  # fmt: skip
        opened = load.next()["opened"]
        load.next()
        before = server.cpu_seconds()
        with bed.profiled(server, f"{NAME}-{piece}"):
            found = load.next()
        used = server.cpu_seconds() - before
    if found["acks"] == 0 or found["received"] == 0:
        raise BenchError("nothing was streamed")
    return Found(
        [float(late) for late in found["latest_ms"]],
        opened == sessions,
        {
            "server, share of one core": used / found["seconds"],
            "load client, share of one core": found["client_cpu"],
            "MB/s": found["received"] / found["seconds"] / 1e6,
            "messages/s": found["messages"] / found["seconds"],
            "acknowledgements": found["acks"],
        },
    )
