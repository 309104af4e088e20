"""Input through a kernel pipe that outlives this process: what is in it gets to the engine, whoever moves it on.

A write to the engine's socket can't be noted at the moment it happens. So input is first written into a pipe, and
noted: before and after, and a successor sees by the pipe which of the two a kill came between. Then the kernel moves
it from the pipe into the socket, each byte once, and that needs no note. The pipe is empty before every piece.

As in `writer.py`, a failure ends input, never reading.
"""

import array
import asyncio
import contextlib
import fcntl
import os
import socket
import stat
import termios
from collections import deque
from collections.abc import Callable

from whale.engine.docker.notes import Ending, Notes, nonsense


def open_pipe() -> int:
    """Open a pipe, both of its ends with one descriptor: two would double what a session needs of them."""
    ends = os.pipe()
    try:
        return os.open(f"/proc/self/fd/{ends[0]}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        for end in ends:
            os.close(end)


class PipedWriter:
    """The writing half of a connected, non-blocking unix socket. Must be closed."""

    def __init__(self, to: socket.socket, pipe: int, notes: Notes, drained: Callable[[], None]) -> None:
        """Write to `to`, which stays the caller's own; owns `pipe`. Calls `drained` whenever all has left."""
        self._socket = to
        self._pipe = pipe
        self._notes = notes
        self._drained = drained
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[int | None, memoryview]] = deque()
        self._queued = 0
        self._in_pipe = 0
        self._is_watching = False
        self._ends_when_empty = False
        self._is_over = False
        """Nothing more can be written: half-closed, failed or closed."""

    @property
    def pipe(self) -> int:
        """The descriptor that must be kept."""
        return self._pipe

    @property
    def pending(self) -> int:
        """Bytes accepted that have not left."""
        return self._queued + self._in_pipe

    def write(self, data: bytes | memoryview, *, source: int | None) -> None:
        """Send now what the kernel takes, and the rest when it can. Dropped when writing is over.

        Without a source it is not noted.
        """
        if not data:
            return
        if self._is_over or self._ends_when_empty:
            self._forget(source, len(data))
            return
        if not self._queued and not self._in_pipe:
            # Nothing waits, as for nearly every keystroke: no queue in between.
            rest = self._send(source, data)
            if rest is None:
                return
        else:
            rest = memoryview(data)
        if rest:
            self._queue.append((source, rest))
            self._queued += len(rest)
        self._watch()

    def end(self) -> None:
        """Half-close once all has left. Idempotent."""
        if not self._is_over and not self._ends_when_empty:
            self._ends_when_empty = True
            self._end_when_empty()

    def give_up(self) -> None:
        """End input here and now: nobody will ever read what waits. Idempotent."""
        self._is_over = True
        self._unwatch()
        for source, piece in self._queue:
            self._forget(source, len(piece))
        self._queue.clear()
        self._queued = self._in_pipe = 0

    def settle(self) -> None:
        """Go on where a killed process stopped. Raises `EngineError` when notes and pipe do not fit."""
        self._in_pipe = _size_in(self._pipe)
        self._notes.settle_input(self._in_pipe)
        self._ends_when_empty = self._notes.ending != Ending.OPEN
        self._is_over = self._notes.ending == Ending.DONE
        self._go_on()

    def close(self) -> None:
        """Let go of the pipe; what has not left is dropped, unless somebody else has the pipe. Idempotent."""
        self.give_up()
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    # --- inside

    def _send(self, source: int | None, data: bytes | memoryview) -> memoryview | None:
        """Send what the kernel takes; return the rest, or None when everything has left or is lost."""
        size = self._fill(source, data)
        if size == len(data) and self._empty():
            return None
        rest = memoryview(data)[size:]
        while rest and not self._is_over and self._empty():
            rest = rest[self._fill(source, rest) :]
        if self._is_over:
            self._forget(source, len(rest))
            return None
        return None if not rest and self._empty() else rest

    def _fill(self, source: int | None, data: bytes | memoryview) -> int:
        """Write a piece into the empty pipe; return its size."""
        if source is not None:
            self._notes.intend(source)
        try:
            size = os.write(self._pipe, data)
        except OSError:
            size = 0
            self.give_up()
        if source is not None:
            self._notes.written(source, size)
        self._in_pipe = size
        return size

    def _empty(self) -> bool:
        """Move what is in the pipe into the socket; False when something is left because the socket is full."""
        while self._in_pipe:
            try:
                self._in_pipe -= os.splice(self._pipe, self._socket.fileno(), self._in_pipe)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                self.give_up()
        return True

    def _go_on(self) -> None:
        """Send on, when the socket has room again."""
        while self._empty() and self._queue:
            source, piece = self._queue.popleft()
            self._queued -= len(piece)
            rest = self._send(source, piece)
            if rest:
                self._queue.appendleft((source, rest))
                self._queued += len(rest)
            if rest is not None:
                break
        if self.pending:
            self._watch()
        else:
            self._unwatch()
        self._end_when_empty()

    def _writable(self) -> None:
        self._go_on()
        if not self.pending:
            self._drained()

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self._loop.add_writer(self._socket.fileno(), self._writable)

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._loop.remove_writer(self._socket.fileno())

    def _end_when_empty(self) -> None:
        """Half-close, if that is wanted and nothing waits any more; a successor does it if only the pipe waits."""
        if not self._ends_when_empty or self._is_over or self._queue:
            return
        self._notes.note_ending(Ending.WANTED)
        if not self._in_pipe:
            self._is_over = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
            self._notes.note_ending(Ending.DONE)

    def _forget(self, source: int | None, size: int) -> None:
        if source is not None and size:
            self._notes.dropped(source, size)


def _size_in(pipe: int) -> int:
    """Bytes that wait in a pipe. Raises `EngineError` for what is none."""
    size = array.array("i", [0])
    try:
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            raise nonsense("a descriptor that is no pipe")
        os.set_blocking(pipe, False)
        fcntl.ioctl(pipe, termios.FIONREAD, size)
    except OSError as error:
        raise nonsense(f"a pipe that can't be used: {error}") from error
    return size[0]
