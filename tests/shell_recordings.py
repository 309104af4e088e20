"""What people see who work in a shell, with its times: commands typed key by key, and programs that fill the screen.

The times are those of somebody who types and reads; nobody waits for them here.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from tests.engines import Recorder
from tests.terminal_recordings import PAUSE, PROGRAMS, SIZES, quiet
from whale.engine.seam import Engine
from whale.model.container import Container
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import new_session_id
from whale.model.terminal import TerminalSize

KINDS = ("shell", "shell", "vim", "shell", "htop", "less")
"""In turns."""

COMMANDS = 40
KEYS = 80
TYPING = (80, 260)
"""Milliseconds between two keys."""

READING = (1500, 15_000)
"""Milliseconds until the next command."""

_PROMPT = "\\[\\e[1;32m\\]\\u@\\h \\[\\e[34m\\]\\w\\[\\e[0m\\] \\$ "
_ENV = (("TERM", "xterm-256color"), ("HOME", "/tmp"), ("PS1", _PROMPT))
_TYPED = (
    *("ls -la --color=always /etc", "cd /usr/lib", "ls --color=always", "find /usr/share -maxdepth 2 | head -200"),
    *("ps aux", "df -h", "cat /etc/passwd", "grep -rn --color=always root /etc | head -50", "env", "git log --oneline"),
    *("ls -laR --color=always /var | head -300", "dpkg -l | head -120", "cat /etc/bash.bashrc", "history", "mount"),
    *("du -a /etc | sort -n | tail -40", "od -c /bin/ls | head -60", "tail -n 60 /var/log/dpkg.log", "top -b -n 1"),
    *("make -n", "ls -la /proc/1", "cat /proc/meminfo", "head -80 /etc/services", "apt list --installed | head -100"),
)
_UPGRADE = (
    'for i in $(seq 60); do echo "Get:$i http://deb.debian.org/debian trixie/main amd64 libfoo$((i * 7919 % 1000))'
    ' amd64 1.$i-$((i * 31 % 9)) [$((i * 7777 % 900)) kB]"; done',
    "for i in $(seq 0 100); do"
    " printf '\\rProgress: [%3d%%] [%-40s]' $i $(printf '#%.0s' $(seq 1 $((i * 2 / 5 + 1)))); done",
    'for i in $(seq 80); do echo "Unpacking libfoo$((i * 7919 % 1000)):amd64 (1.$i-$((i * 31 % 9))) over'
    ' (1.$((i - 1))) ..."; done',
)
"""What apt would say; pasted."""


class ShellRecording(NamedTuple):
    """What a terminal was sent, and when, in milliseconds."""

    kind: str
    size: TerminalSize
    pieces: list[tuple[int, bytes]]

    def flushes(self, delay: int) -> Iterator[list[tuple[int, bytes]]]:
        """Yield what comes within so many milliseconds after something has come."""
        flush: list[tuple[int, bytes]] = []
        for at, data in self.pieces:
            if flush and at > flush[0][0] + delay:
                yield flush
                flush = []
            flush.append((at, data))
        if flush:
            yield flush


class _Timed(Recorder):
    """Notes when output came, for somebody who takes longer than this test."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[tuple[int, bytes]] = []
        self._began = time.monotonic()
        self._skipped = 0

    def output_received(self, stream: Stream, data: bytes) -> None:
        super().output_received(stream, data)
        self.pieces.append((self._skipped + int((time.monotonic() - self._began) * 1000), bytes(data)))

    async def beyond(self, received: int) -> None:
        """Wait until more has come."""
        await self.until(lambda: self.received > received, "came")

    def think(self, milliseconds: int) -> None:
        self._skipped += milliseconds


async def record_shells(engine: Engine, box: Container, count: int, *, at_once: int = 4) -> list[ShellRecording]:
    """Make some."""
    few = asyncio.Semaphore(at_once)

    async def one(number: int) -> ShellRecording:
        async with few:
            return await _record(engine, box, KINDS[number % len(KINDS)], random.Random(number))

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(number)) for number in range(count)]
    return [task.result() for task in running]


async def _record(engine: Engine, box: Container, kind: str, chance: random.Random) -> ShellRecording:
    cols, rows = chance.choice(SIZES)
    size = TerminalSize(cols=cols, rows=rows)
    program = PROGRAMS.get(kind)
    command = program.command if program is not None else ("bash", "--norc")
    output = _Timed()
    spec = ExecSpec(command=command, tty=True, stdin=True, size=size, env=_ENV)
    running = await engine.start_exec(box.id, spec, session=new_session_id(), output=output)
    try:
        await output.until(lambda: bool(output.out), "began")
        for key, pause in _keys(chance) if program is None else _program_keys(chance, program.keys):
            before = output.received
            running.write_stdin(key)
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await output.beyond(before)
            if pause > max(TYPING):
                await quiet(output)
            output.think(pause)
    finally:
        await running.aclose()
    return ShellRecording(kind, size, output.pieces)


def _keys(chance: random.Random) -> Iterator[tuple[bytes, int]]:
    for _ in range(COMMANDS):
        typed = chance.choice((*_TYPED, *_UPGRADE))
        for piece in [typed] if typed in _UPGRADE else typed:
            yield piece.encode(), chance.randint(*TYPING)
        yield b"\r", chance.randint(*READING)


def _program_keys(chance: random.Random, keys: tuple[str, ...]) -> Iterator[tuple[bytes, int]]:
    for _ in range(KEYS):
        yield chance.choice(keys).encode(), chance.randint(300, 1500)
