"""Text into a terminal, as fast as it goes: `cat` of a big file, until the local terminal has its last byte."""

import os
import time
from collections.abc import Callable
from functools import partial

from bench import paths
from bench.bed import BUSYBOX, Bed
from bench.engine_socket import RawExec
from bench.model import BenchError, Result
from bench.paths import Command
from bench.process import LIMIT, Terminal, deadline
from bench.rounds import interleave, ratio_bar

NAME = "tty_output"

LINE = b"-rw-r--r-- 1 root root 4096 Jan  1 00:00 whale, a line of text as a listing has it\r\n"
FILE = "/tmp/bench-text"
READY = b"READY\n"
COMMAND = ["sh", "-c", f"stty -opost -echo; echo READY; read -r go; exec cat {FILE}"]
"""The file has a terminal's line ends; without the terminal's own translation its bytes are those that arrive."""

_GO = b"\n"


def text(size: int) -> bytes:
    """The file's content: lines, the last one cut."""
    return (LINE * (size // len(LINE) + 1))[:size]


def run(bed: Bed) -> Result:
    """Read the file through every path, side by side."""
    container = bed.container(BUSYBOX)
    expected = text(bed.rounds(64, 8) << 20)
    make_file(bed.host, container, len(expected))
    buffer = bytearray(len(expected) + 1)

    def raw() -> float:
        with RawExec(bed.host, container, COMMAND, tty=True, stdin=True) as exec:
            exec.read_until(READY)
            sock, view = exec.sock, memoryview(buffer)
            return _rate(lambda: sock.send(_GO), lambda at: sock.recv_into(view[at:]), expected, buffer)

    ways = [bed.docker(), bed.whale(), *bed.ssh_docker(), *bed.docker_ssh()]
    commands = {way.name: way.exec(container, COMMAND, tty=True) for way in ways}
    takes: dict[str, Callable[[], float]] = {paths.RAW: raw}
    takes |= {name: partial(through, command, expected, buffer) for name, command in commands.items()}
    samples = interleave(NAME, takes, rounds=bed.rounds(9, 2), warm_up=0)
    bars = ratio_bar("terminal output", samples, paths.DOCKER, 0.9, at_most=False)
    return Result(NAME, "Text into a local terminal", "MB/s", samples, tuple(bars))


def through(command: Command, expected: bytes, buffer: bytearray) -> float:
    """MB/s of the file through a command in a local terminal."""
    with Terminal(command.argv, command.env) as terminal:
        terminal.read_until(READY)
        fd, view = terminal.fd, memoryview(buffer)
        return _rate(lambda: os.write(fd, _GO), lambda at: os.readv(fd, [view[at:]]), expected, buffer)


def _rate(go: Callable[[], int], read: Callable[[int], int], expected: bytes, buffer: bytearray) -> float:
    """MB/s from the go to the last byte. `BenchError` unless all bytes came and are the right ones."""
    at, size = 0, len(expected)
    with deadline(LIMIT, "text into a terminal"):
        begin = time.perf_counter()
        go()
        while at < size:
            got = read(at)
            if got == 0:
                break
            at += got
        took = time.perf_counter() - begin
    if at != size or memoryview(buffer)[:size] != expected:
        raise BenchError(f"{at} bytes came of {size}, or not the right ones")
    return size / took / 1e6


def make_file(host: str, container: str, size: int) -> None:
    script = f"""yes "$(printf '%s\\r' '{LINE.decode().rstrip()}')" | head -c {size} >{FILE}"""
    with RawExec(host, container, ["sh", "-c", script], tty=False, stdin=False) as exec:
        exec.count_output()
        if exec.status() != 0:
            raise BenchError(f"{FILE} could not be made in the container")
