"""A keystroke's way: one byte typed into a local terminal until its echo is there.

The echo is the work of the terminal in the container itself, not of a program behind it, so that what is compared
is the path. All paths are open all the time and take turns.
"""

import contextlib
import os
import statistics
import time

from bench import paths
from bench.bed import BUSYBOX, Bed
from bench.engine_socket import RawExec
from bench.model import Bar, BenchError, Result, Samples, pairwise_ratio
from bench.process import LIMIT, Terminal, deadline
from bench.rounds import Progress

NAME = "echo"

READY = b"READY\r\n"
COMMAND = ["sh", "-c", "stty -icanon min 1 echo; echo READY; exec cat >/dev/null"]
"""Not line by line, or the container's terminal would hold the keys and in the end refuse them."""

_KEY = b"x"
LEAVE = b"\x03"
_WARM_UP = 100


def strokes(fd: int, count: int) -> list[float]:
    """Type so many keys, each when the echo of the one before has come; return the times in microseconds."""
    clock, write, read, key = time.perf_counter, os.write, os.read, _KEY
    took = []
    for _ in range(count):
        begin = clock()
        write(fd, key)
        answer = read(fd, 64)
        end = clock()
        if answer != key:
            raise BenchError(f"{answer!r} came back for {key!r}")
        took.append((end - begin) * 1e6)
    return took


def run(bed: Bed) -> Result:
    """Type through every path in turns."""
    container = bed.container(BUSYBOX)
    ways = [bed.docker(), bed.whale(), *bed.ssh_docker(), *bed.docker_ssh()]
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(RawExec(bed.host, container, COMMAND, tty=True, stdin=True))
        raw.read_until(READY)
        fds = {paths.RAW: raw.sock.fileno()}
        for way in ways:
            command = way.exec(container, COMMAND, tty=True)
            terminal = stack.enter_context(Terminal(command.argv, command.env))
            terminal.read_until(READY)
            stack.callback(terminal.end, LEAVE)
            if not terminal.is_raw():
                raise BenchError(f"{way.name} left the local terminal echoing: there is nothing to measure")
            fds[way.name] = terminal.fd
        rounds = take_turns(fds, rounds=bed.rounds(60, 5), keys=bed.rounds(100, 20))
        raw.sock.sendall(LEAVE)
    return Result(NAME, "Keystroke echo in a local terminal", "µs", samples(rounds), tuple(bars(rounds)))


def samples(rounds: dict[str, list[list[float]]]) -> dict[str, Samples]:
    """All keys of each path."""
    return {name: Samples(tuple(took for turn in turns for took in turn)) for name, turns in rounds.items()}


def middles(turns: list[list[float]]) -> list[float]:
    """The p50 of each round."""
    return [statistics.median(turn) for turn in turns]


def take_turns(fds: dict[str, int], *, rounds: int, keys: int) -> dict[str, list[list[float]]]:
    """Give each path so many keys in each round, and return each path's rounds."""
    found: dict[str, list[list[float]]] = {name: [] for name in fds}
    progress = Progress(NAME, rounds)
    for fd in fds.values():
        with deadline(LIMIT, "warming up"):
            strokes(fd, _WARM_UP)
    for number in range(rounds):
        for name, fd in fds.items():
            with deadline(LIMIT, f"an echo through {name}"):
                found[name].append(strokes(fd, keys))
        progress.at(number + 1)
    return found


def bars(rounds: dict[str, list[list[float]]]) -> list[Bar]:
    """Compare the p50 of each round with the other path's in the same round."""
    middle = {name: middles(turns) for name, turns in rounds.items()}
    limits = {paths.DOCKER: 1.3, paths.SSH_DOCKER: 0.75}
    return [
        Bar("keystroke echo, p50", name, pairwise_ratio(middle[paths.WHALE], middle[name]), limit, "×", True)
        for name, limit in limits.items()
        if name in middle
    ]
