"""The fake engine's built-in programs, with the meaning their names have everywhere.

Each takes its arguments from `process.argv`. They know nothing of sessions or of the engine.
"""

import asyncio
import hashlib
import random
import time
from zlib import crc32

from whale.engine.fake.process import FakeProcess, Program
from whale.model.exec import Signal, Stream
from whale.model.limits import KIB

_CHUNK = 64 * KIB
STAMP = 16
"""Bytes at the head of each piece of `stream`: its number and the time it was due, 8 bytes each, big-endian."""


async def true(_process: FakeProcess) -> int:
    """Succeed."""
    return 0


async def false(_process: FakeProcess) -> int:
    """Fail."""
    return 1


async def echo(process: FakeProcess) -> int:
    """Write the arguments."""
    await process.write(" ".join(process.argv[1:]).encode() + b"\n")
    return 0


async def cat(process: FakeProcess) -> int:
    """Write what comes in."""
    while data := await process.read():
        await process.write(data)
    return 0


async def env(process: FakeProcess) -> int:
    """Write the environment."""
    await process.write("".join(f"{k}={v}\n" for k, v in process.env.items()).encode())
    return 0


async def pwd(process: FakeProcess) -> int:
    """Write the working directory."""
    await process.write((process.spec.workdir or "/").encode() + b"\n")
    return 0


async def id_(process: FakeProcess) -> int:
    """Write the user's number, whatever the options."""
    name = process.spec.user.partition(":")[0] or "root"
    await process.write(f"{process.container.users.get(name, name)}\n".encode())
    return 0


async def stty(process: FakeProcess) -> int:
    """`stty size`, `stty raw` and `stty sane`."""
    if not process.spec.tty:
        await process.write(b"stty: standard input is not a terminal\n", Stream.STDERR)
        return 1
    what = process.argv[1:2]
    if what == ("size",):
        size = process.size
        await process.write(f"{size.rows} {size.cols}\n".encode() if size else b"0 0\n")
    elif what in (("raw",), ("sane",)):
        process.set_raw(what == ("raw",))
    return 0


async def sleep(process: FakeProcess) -> int:
    """Wait for a number of seconds."""
    await asyncio.sleep(float(process.argv[1]))
    return 0


async def yes(process: FakeProcess) -> int:
    """Write lines for ever."""
    line = (process.argv[1] if len(process.argv) > 1 else "y").encode() + b"\n"
    block = line * max(1, _CHUNK // len(line))
    while True:
        await process.write(block)
        await asyncio.sleep(0)


async def sha256sum(process: FakeProcess) -> int:
    """Write the SHA-256 of what comes in."""
    digest = hashlib.sha256()
    while data := await process.read():
        digest.update(data)
    await process.write(f"{digest.hexdigest()}  -\n".encode())
    return 0


async def random_(process: FakeProcess) -> int:
    """`random N SEED`: write N bytes that depend on SEED only."""
    left, source = int(process.argv[1]), random.Random(process.argv[2])  # noqa: S311 - must repeat
    while left:
        data = source.randbytes(min(left, _CHUNK))
        left -= len(data)
        await process.write(data)
    return 0


async def ignore(process: FakeProcess) -> int:
    """Ignore all signals but KILL, for ever."""
    process.trap(*(s for s in Signal if s is not Signal.KILL))
    await process.write(b"ready\n")
    await asyncio.get_running_loop().create_future()
    return 0


async def stream(process: FakeProcess) -> int:
    """`stream RATE PIECE`: write RATE bytes per second in pieces of PIECE bytes, for ever.

    Every piece begins with its number and the time at which it was due (`time.monotonic_ns`), so that a reader on
    the same machine sees how late it is. What is due while output is paused follows when it goes on.
    """
    ticker = _Ticker(process, rate=float(process.argv[1]), piece=int(process.argv[2]))
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        ticker.stop()
    return 0


class _Ticker:
    """Writes pieces from the event loop's timers: a task that wakes for every piece would cost twice as much."""

    __slots__ = ("_due", "_handle", "_interval", "_loop", "_number", "_offset", "_padding", "_process")

    def __init__(self, process: FakeProcess, *, rate: float, piece: int) -> None:
        self._process = process
        self._interval = piece / rate
        self._padding = bytes(max(0, piece - STAMP))
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._offset = time.monotonic_ns() - int(self._loop.time() * 1e9)
        # Spread the beginnings, or thousands of streams would all write at the same moment.
        spread = (crc32(process.id.encode()) % 997) / 997
        self._due = self._loop.time() + self._interval * spread
        self._handle = self._loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        self._handle.cancel()

    def _tick(self) -> None:
        now = self._loop.time()
        while self._due <= now and not self._process.is_paused:
            due = int(self._due * 1e9) + self._offset
            self._process.emit(self._number.to_bytes(8, "big") + due.to_bytes(8, "big") + self._padding)
            self._number += 1
            self._due += self._interval
        self._handle = self._loop.call_at(max(self._due, now + 0.005), self._tick)


PROGRAMS: dict[str, Program] = {
    "true": true,
    "false": false,
    "echo": echo,
    "cat": cat,
    "env": env,
    "pwd": pwd,
    "id": id_,
    "stty": stty,
    "sleep": sleep,
    "yes": yes,
    "sha256sum": sha256sum,
    "random": random_,
    "ignore": ignore,
    "stream": stream,
}
