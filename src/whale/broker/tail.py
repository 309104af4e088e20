"""Lines of a recording as they are read, and as they come while it is made.

A worker thread reads, some lines at a time, and only when whoever they are for has taken the last ones.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Final, Protocol

PIECE: Final = 64 * 1024
"""Bytes of lines that are read at once; one line alone may be longer."""

LOOK_INTERVAL: Final = 1.0
"""Seconds between two looks for more of a recording when nobody says that there is: another server may write it."""


class Lines(Protocol):
    """A recording that is read: `whale.recording` has the real one. Blocking; used by one thread at a time."""

    def read(self, size: int) -> bytes:
        """Some whole lines of about that many bytes; empty when there are no more for now. Raises `RecordingError`."""
        ...

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        ...


class Flushes:
    """Wakes those who follow a recording when there is more of it."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def flushed(self, id: str) -> None:
        """There is more of a recording, or it has ended. For the event loop's thread."""
        for event in self._waiting.get(id, ()):
            event.set()

    async def turns(self, id: str) -> AsyncGenerator[None, None]:
        """Yield at once, and then each time that there may be more."""
        event = asyncio.Event()
        self._waiting.setdefault(id, set()).add(event)
        try:
            while True:
                event.clear()
                yield
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_INTERVAL):
                        await event.wait()
        finally:
            self._waiting[id].discard(event)
            if not self._waiting[id]:
                del self._waiting[id]

    def __len__(self) -> int:
        return len(self._waiting)


async def read_lines(open_lines: Callable[[], Lines]) -> AsyncGenerator[bytes, None]:
    """Yield what there is by now. Opens and closes the lines."""
    guarded = _Guarded(open_lines)
    try:
        while piece := await asyncio.to_thread(guarded.read):
            yield piece
    finally:
        await asyncio.to_thread(guarded.close)


async def follow_lines(
    open_lines: Callable[[], Lines], turns: AsyncGenerator[None, None], is_over: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes, None]:
    """Yield what there is and, at each turn, what has come, until it is over. Opens and closes the lines."""
    guarded = _Guarded(open_lines)
    try:
        async with aclosing(turns):
            async for _ in turns:
                # In this order: what was written before the end is read after that was seen.
                is_last = await is_over()
                while piece := await asyncio.to_thread(guarded.read):
                    yield piece
                if is_last:
                    return
    finally:
        await asyncio.to_thread(guarded.close)


class _Guarded:
    """Lines that are closed only when no thread is at them: one that nobody waits for any more still reads."""

    def __init__(self, open_lines: Callable[[], Lines]) -> None:
        self._open = open_lines
        self._lines: Lines | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def read(self) -> bytes:
        with self._lock:
            if self._is_closed:
                return b""
            if self._lines is None:
                self._lines = self._open()
            return self._lines.read(PIECE)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._lines is not None:
                self._lines.close()
