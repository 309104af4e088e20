"""What a terminal session costs the server that was left to itself: one that wrote nothing, and one that wrote much."""

import time

from bench.bed import Bed
from bench.crowd import started
from bench.idle_memory import settled
from bench.model import Bar, BenchError, Result, Samples
from bench.rounds import Progress
from bench.server import running_server
from whale.model.limits import IDLE_AFTER, KIB, MIB, WINDOW_TTY

NAME = "detached_memory"

WRITTEN = 8 * MIB
"""More than a session may hold."""

LIMIT = WINDOW_TTY // KIB + 64

_WARM_UP = 10


def run(bed: Bed) -> Result:
    """Detach sessions on the fake engine and weigh the server each time."""
    rounds, silent, loud = bed.rounds(3, 1), bed.rounds(1000, 100), bed.rounds(100, 10)
    found: dict[str, list[float]] = {"wrote nothing": [], f"wrote {WRITTEN // MIB} MiB": []}
    progress = Progress(NAME, rounds)
    for number in range(rounds):
        for name, sessions, written in zip(found, (silent, loud), (0, WRITTEN), strict=True):
            found[name].append(weigh(bed, sessions, written))
        progress.at(number + 1)
    samples = {name: Samples(tuple(values)) for name, values in found.items()}
    bars = tuple(
        Bar(f"server memory per detached session that {name}", "", taken.median, LIMIT, "KiB", True)
        for name, taken in samples.items()
    )
    return Result(NAME, "Server memory per detached session (PSS)", "KiB", samples, bars)


def weigh(bed: Bed, sessions: int, written: int) -> float:
    """KiB per session on a server of its own, once all have been left."""
    with (
        running_server(bed.installed.whale_server, "fake://c") as server,
        started(server, "detached", container="c", sessions=_WARM_UP, written=written) as first,
    ):
        first.next()
        first.next()
        time.sleep(2 * IDLE_AFTER + 1)
        before = settled(server)
        with started(server, "detached", container="c", sessions=sessions, written=written) as load:
            if load.next()["opened"] < sessions:
                raise BenchError(f"{sessions} sessions could not be opened in time")
            load.next()
            time.sleep(2 * IDLE_AFTER + 1)  # it looks for idle sessions this often
            after = settled(server)
    return (after[0] - before[0]) / sessions
