"""Bytes through real pipes: out of a container, and into one. Every byte is counted at the other end."""

import os
import re
import socket
import time
from collections.abc import Callable
from functools import partial

from bench import paths
from bench.bed import BUSYBOX, DEV, Bed
from bench.engine_socket import RawExec
from bench.model import BenchError, Result
from bench.paths import Command, Path
from bench.process import LIMIT, deadline, reap, spawn
from bench.rounds import interleave, ratio_bar

OUTPUT = "pipe_output"
INPUT = "pipe_input"

MIB = 1 << 20
_PIECE = 1 * MIB
_BLOCK = os.urandom(_PIECE)
_COUNTED = re.compile(rb"(\d+)\s*$")


def run_output(bed: Bed) -> Result:
    """Read zeros out of the container through every path, side by side; the whole command is timed."""
    container, size = bed.container(BUSYBOX), bed.rounds(512, 64) * MIB
    command = ["dd", "if=/dev/zero", "bs=64k", f"count={size >> 16}"]

    def raw() -> float:
        begin = time.perf_counter()
        with RawExec(bed.host, container, [*command, "status=none"], tty=False, stdin=False) as exec:
            return _rate(exec.count_output(), size, time.perf_counter() - begin)

    ways = [bed.docker(), bed.whale(), *bed.ssh_docker(), *bed.docker_ssh()]
    takes: dict[str, Callable[[], float]] = {paths.RAW: raw}
    takes |= {way.name: partial(through, way.name, way.exec(container, command), size) for way in ways}
    samples = interleave(OUTPUT, takes, rounds=bed.rounds(7, 2), warm_up=0)
    bars = ratio_bar("pipe output", samples, paths.DOCKER, 0.8, at_most=False)
    return Result(OUTPUT, "Bytes out, through a pipe", "MB/s", samples, tuple(bars))


def through(name: str, line: Command, size: int) -> float:
    """MB/s of the output of a command that writes so many bytes; the whole of it is timed."""
    (out, child_out), null = os.pipe(), os.open(os.devnull, os.O_RDWR)
    begin = time.perf_counter()
    pid = spawn(line.argv, line.env, stdin=null, stdout=child_out, stderr=null)
    os.close(child_out)
    try:
        with deadline(LIMIT, f"output through {name}"):
            counted = drain(out, null)
        return _rate(counted, size, time.perf_counter() - begin, reap(pid))
    finally:
        os.close(out)
        os.close(null)


def run_input(bed: Bed) -> Result:
    """Write random bytes into the container through every path, side by side; the whole command is timed."""
    container, size = bed.container(DEV), bed.rounds(512, 64) * MIB
    command = ["wc", "-c"]

    def raw() -> float:
        begin = time.perf_counter()
        with RawExec(bed.host, container, command, tty=False, stdin=True) as exec:
            with deadline(LIMIT, "input to the engine"):
                for _ in range(size // _PIECE):
                    exec.sock.sendall(_BLOCK)
                exec.sock.shutdown(socket.SHUT_WR)
            return _rate(_counted(exec.output()), size, time.perf_counter() - begin)

    def through(path: Path) -> float:
        line = path.exec(container, command, stdin=True)
        (child_in, into), (report, child_out) = os.pipe(), os.pipe()
        begin = time.perf_counter()
        pid = spawn(line.argv, line.env, stdin=child_in, stdout=child_out, stderr=2)
        os.close(child_in)
        os.close(child_out)
        try:
            with deadline(LIMIT, f"input through {path.name}"):
                fill(into, size)
                os.close(into)
                counted = _counted(_read_all(report))
            return _rate(counted, size, time.perf_counter() - begin, reap(pid))
        finally:
            os.close(report)

    ways = [bed.docker(), bed.whale(), *bed.ssh_docker(), *bed.docker_ssh()]
    takes: dict[str, Callable[[], float]] = {paths.RAW: raw}
    takes |= {way.name: partial(through, way) for way in ways}
    samples = interleave(INPUT, takes, rounds=bed.rounds(7, 2), warm_up=0)
    bars = ratio_bar("pipe input", samples, paths.DOCKER, 0.8, at_most=False)
    return Result(INPUT, "Bytes in, through a pipe", "MB/s", samples, tuple(bars))


def drain(pipe: int, null: int) -> int:
    """Read a pipe to its end without copying; return how many bytes there were."""
    total = 0
    while size := os.splice(pipe, null, _PIECE):
        total += size
    return total


def fill(pipe: int, size: int) -> None:
    """Write so many bytes into a pipe."""
    block = memoryview(_BLOCK)
    while size:
        size -= os.write(pipe, block[:size])


def _rate(counted: int, size: int, took: float, status: int = 0) -> float:
    if status != 0 or counted != size:
        raise BenchError(f"{counted} bytes of {size} arrived, status {status}")
    return size / took / 1e6


def _counted(report: bytes) -> int:
    found = _COUNTED.search(report)
    if found is None:
        raise BenchError(f"wc did not say what it counted: {report[-300:]!r}")
    return int(found.group(1))


def _read_all(fd: int) -> bytes:
    data = b""
    while more := os.read(fd, 65536):
        data += more
    return data
