"""Many terminals that scroll at once: each its 40 KB/s in pieces, through a server that has one core.

A session is late when a piece is complete at the client more than a second after its program was due to write it.
"""

import os

from bench.bed import Bed
from bench.crowd import started
from bench.model import Bar, BenchError, Result, Samples
from bench.server import running_server
from scripts.provision.say import say

NAME = "streaming"

RATE = 40_000
PIECES = (4096, 1024)
LATE_MS = 1000.0
SERVER_CORE, CLIENT_CORE = 0, 1


def run(bed: Bed) -> Result:
    """Stream from the fake engine with each size of pieces."""
    sessions = bed.rounds(1500, 150)
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("the server needs one core for itself and the load another one")
    samples: dict[str, Samples] = {}
    facts: dict[str, str | int | float] = {"sessions": sessions, "rate of each, KB/s": RATE / 1000}
    bars = []
    for piece in PIECES:
        say(f"{NAME}: {sessions} sessions in pieces of {piece} bytes")
        label = f"pieces of {piece // 1024} KiB"
        latest, more = measure(bed, sessions, piece, cores)
        samples[f"whale, {label}"] = Samples(tuple(latest))
        facts |= {f"{name}, {label}": value for name, value in more.items()}
        if piece == PIECES[0]:
            on_time = sum(late <= LATE_MS for late in latest)
            bars.append(
                Bar("sessions streaming 40 KB/s, none late by more than 1 s", "", on_time, sessions, "sessions", False)
            )
    title = "Latest piece of each session, server on one core"
    return Result(NAME, title, "ms", samples, tuple(bars), facts)


def measure(bed: Bed, sessions: int, piece: int, cores: list[int]) -> tuple[list[float], dict[str, float]]:
    """Milliseconds by which each session's latest piece was late, and figures beside it."""
    seconds = bed.rounds(30, 5)
    with (
        running_server(bed.installed.whale_server, "fake://c", core=cores[SERVER_CORE]) as server,
        started(
            server, "stream", container="c", sessions=sessions, core=cores[CLIENT_CORE],
            rate=RATE, piece=piece, seconds=seconds,
        ) as load,
    ):  # fmt: skip
        load.next()
        load.next()
        before = server.cpu_seconds()
        with bed.profiled(server, f"{NAME}-{piece}"):
            found = load.next()
        used = server.cpu_seconds() - before
    latest = [float(late) for late in found["latest_ms"]]
    if found["acks"] == 0 or found["received"] == 0:
        raise BenchError("nothing was streamed")
    return latest, {
        "sessions late": sum(late > LATE_MS for late in latest),
        "server, share of one core": used / found["seconds"],
        "load client, share of one core": found["client_cpu"],
        "MB/s": found["received"] / found["seconds"] / 1e6,
        "messages/s": found["messages"] / found["seconds"],
        "acknowledgements": found["acks"],
    }
