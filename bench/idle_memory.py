"""What a session costs the server while nobody types: memory of the whole process, before and with 2,000 of them."""

import time

from bench.bed import Bed
from bench.crowd import started
from bench.model import Bar, BenchError, Result, Samples
from bench.rounds import Progress
from bench.server import Server, running_server

NAME = "idle_memory"

_WARM_UP = 20
"""Sessions open before the first look: what the first ones load, all later ones share."""

_SETTLE_LIMIT = 20.0


def run(bed: Bed) -> Result:
    """Open sessions on the fake engine and weigh the server each time."""
    sessions, rounds = bed.rounds(2000, 200), bed.rounds(3, 1)
    found: list[tuple[float, float]] = []
    progress = Progress(NAME, rounds)
    for number in range(rounds):
        found.append(weigh(bed, sessions))
        progress.at(number + 1)
    pss, rss = (Samples(tuple(values)) for values in zip(*found, strict=True))
    bars = (Bar(f"server memory per attached idle session, {sessions:,} of them", "", pss.median, 64, "KiB", True),)
    facts = {"sessions": sessions}
    return Result(NAME, "Server memory per idle session", "KiB", {"whale (PSS)": pss, "whale (RSS)": rss}, bars, facts)


def weigh(bed: Bed, sessions: int) -> tuple[float, float]:
    """KiB per session, as (PSS, RSS), on a server of its own."""
    with (
        running_server(bed.installed.whale_server, "fake://c") as server,
        started(server, "idle", container="c", sessions=_WARM_UP) as first,
    ):
        first.next()
        before = settled(server)
        with started(server, "idle", container="c", sessions=sessions) as load:
            if load.next()["opened"] < sessions:
                raise BenchError(f"{sessions} sessions could not be opened in time")
            after = settled(server)
    return (after[0] - before[0]) / sessions, (after[1] - before[1]) / sessions


def settled(server: Server) -> tuple[int, int]:
    """The server's memory once it has stopped changing. Raises `BenchError` if it does not stop."""
    end = time.monotonic() + _SETTLE_LIMIT
    last = server.memory_kib()
    while time.monotonic() < end:
        time.sleep(1)
        now = server.memory_kib()
        if abs(now[0] - last[0]) <= now[0] / 1000:
            return now
        last = now
    raise BenchError("the server's memory does not come to rest")
