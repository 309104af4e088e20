"""An exec's stream over a unix socket, which a later process can go on with at the same byte.

Output is looked at (`MSG_PEEK`), handed on and noted, and only then consumed: the kernel's peek offset tells whoever
comes after a process that died how far that was. Input goes through a pipe, which is kept as well: what is left in it
has not been sent. Never raises into the event loop, never interprets the bytes.
"""

import array
import asyncio
import contextlib
import fcntl
import os
import socket
import termios
from collections import deque
from collections.abc import Callable, Sequence

from whale.engine.docker.errors import engine_call, unavailable
from whale.engine.docker.notes import ExecNotes, Phase
from whale.engine.docker.stream import (
    MAX_HEAD,
    HeadReader,
    Refusal,
    StreamOwner,
    check_answer,
    upgrade_request,
)
from whale.model.errors import EngineError
from whale.model.limits import KIB

PIPE_SIZE = 64 * KIB
"""What a pipe takes at once when it is empty."""

_SO_PEEK_OFF = 42


class KeptStream:
    """One stream. `open_kept` or `adopt_kept` makes it; whoever has it must `close` it."""

    def __init__(
        self, sock: socket.socket, pipe: tuple[int, int], *, owner: StreamOwner, buffer: memoryview, notes: ExecNotes
    ) -> None:
        """`pipe`: where input is read from and written to; (-1, -1) for an exec without. Reads once `resume`d."""
        self._sock = sock
        self._pipe = pipe
        self._owner = owner
        self._buffer = buffer
        self._notes = notes
        self._loop = asyncio.get_running_loop()
        self._end = 0
        """How much of the stream was taken in."""
        self._is_reading = False
        self._is_ended = False
        self._writer = _Writer(sock, pipe, notes, self._drained)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What another process needs to go on: the socket and both ends of the pipe."""
        return () if self._is_ended else (self._sock.fileno(), *(end for end in self._pipe if end >= 0))

    @property
    def pending(self) -> int:
        """Bytes of input that have not left yet."""
        return self._writer.pending

    def write(self, data: bytes, source: int) -> None:
        """Send input; what nobody reads any more is dropped, and counts as delivered."""
        if not self._is_ended:
            self._writer.write(data, source)

    def half_close(self) -> None:
        """End our direction when all has left; reading goes on. Idempotent."""
        if not self._is_ended:
            self._writer.end()

    def pause(self) -> None:
        """Stop reading. Idempotent."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._sock.fileno())

    def resume(self) -> None:
        """Read, or read on. Idempotent."""
        if not self._is_reading and not self._is_ended:
            self._is_reading = True
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Let go of everything at once; the owner is told nothing more. Idempotent."""
        self.pause()
        if not self._is_ended or self._sock.fileno() >= 0:
            self._is_ended = True
            self._writer.close()
            self._sock.close()
            for end in self._pipe:
                if end >= 0:
                    os.close(end)
            self._pipe = (-1, -1)

    def _drained(self) -> None:
        if not self._is_ended:
            self._owner.stdin_drained()

    def _readable(self) -> None:
        """Take what is there. It is consumed before the loop goes on, which would call us again for it at once."""
        try:
            size = self._sock.recv_into(self._buffer, 0, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            size = 0  # reset, for input that was not read: all that was written before is here, on one machine
        if not size:
            self._finish()
            return
        self._end += size
        self._owner.bytes_received(self._buffer[:size])
        self._owner.bytes_taken(self._end)
        if not self._is_ended:
            self._consume(size)

    def _consume(self, size: int) -> None:
        while size:
            size -= self._sock.recv_into(self._buffer, size)
        self._notes.base = self._end

    def _finish(self) -> None:
        self.pause()
        self._is_ended = True
        self._owner.stream_ended(None)

    def recover(self, end: int) -> None:
        """Find out how far the process before us came: it had taken in the stream up to `end`."""
        self._end = end
        if self._notes.base != end:
            # It was noted; what was looked at and not consumed yet is what the kernel says.
            self._consume(self._sock.getsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF))
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
        self._writer.recover()


class _Writer:
    """The writing half. A piece goes into the pipe when that is empty, and from there to the engine."""

    def __init__(
        self, sock: socket.socket, pipe: tuple[int, int], notes: ExecNotes, drained: Callable[[], None]
    ) -> None:
        self._sock = sock
        self._out, self._in = pipe
        self._notes = notes
        self._drained = drained
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[int, memoryview]] = deque()
        self._piped = 0
        """Bytes in the pipe."""
        self.pending = 0
        """Bytes accepted that have not left."""
        self._is_waiting = False
        self._ends_when_empty = False
        self._is_over = False
        """Nothing more can be written: half-closed, failed or closed."""

    def write(self, data: bytes, source: int) -> None:
        """Send now what the engine takes, and the rest when it can."""
        if not data:
            return
        if self._is_over or self._ends_when_empty:
            self._notes.deliver(source, len(data))
            return
        self.pending += len(data)
        self._queue.append((source, memoryview(data)))
        if not self._is_waiting:
            self._send()

    def end(self) -> None:
        """Half-close once all has left. Idempotent."""
        if not self._is_over and not self._ends_when_empty:
            self._ends_when_empty = True
            if not self.pending:
                self._half_close()

    def close(self) -> None:
        """Send nothing more. Idempotent."""
        self._is_over = True
        self._wait(waits=False)
        self._queue.clear()
        self.pending = 0

    def recover(self) -> None:
        """Go on with the piece that the process before us was at."""
        notes = self._notes
        notes.settle()
        phase, source, size = notes.piece
        left = _readable_bytes(self._out) if self._out >= 0 else 0
        if phase is Phase.INTENT and not left:
            notes.forget()  # its client sends it again
        elif phase is not Phase.IDLE:
            notes.wrote()
            self._queue.append((source, memoryview(bytes(size))))
            self._piped = self.pending = left
            self._send()
        if notes.is_stdin_ended:
            self.end()

    def _send(self) -> None:
        """Move pieces on until the engine takes no more, or none is left."""
        try:
            while self._queue:
                source, data = self._queue[0]
                size = min(len(data), PIPE_SIZE)
                if not self._piped and self._notes.piece[0] is Phase.IDLE:
                    self._put(source, data[:size])
                while self._piped:
                    moved = os.splice(self._out, self._sock.fileno(), self._piped, flags=os.SPLICE_F_NONBLOCK)
                    self._piped -= moved
                    self.pending -= moved
                self._notes.deliver(source, size)
                if size == len(data):
                    self._queue.popleft()
                else:
                    self._queue[0] = (source, data[size:])
        except (BlockingIOError, InterruptedError):
            self._wait(waits=True)
            return
        except OSError:
            self._fail()
        self._wait(waits=False)
        if self._ends_when_empty and not self._is_over:
            self._half_close()

    def _put(self, source: int, piece: memoryview) -> None:
        self._notes.intend(source, len(piece))
        self._piped = os.write(self._in, piece)
        self._notes.wrote()

    def _wait(self, *, waits: bool) -> None:
        if waits is not self._is_waiting:
            self._is_waiting = waits
            if waits:
                self._loop.add_writer(self._sock.fileno(), self._writable)
            else:
                self._loop.remove_writer(self._sock.fileno())

    def _writable(self) -> None:
        self._send()
        if not self._queue:
            self._drained()

    def _half_close(self) -> None:
        self._notes.end_stdin()
        self._is_over = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _fail(self) -> None:
        """Nobody reads any more: input is over, no more than that, and what was sent counts as delivered."""
        self._is_over = True
        for source, data in self._queue:
            self._notes.deliver(source, len(data))
        self._queue.clear()
        self._piped = self.pending = 0


def _readable_bytes(descriptor: int) -> int:
    answer = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, answer)
    return answer[0]


async def open_kept(
    path: str,
    request: str,
    body: bytes,
    *,
    owner: StreamOwner,
    buffer: memoryview,
    notes: ExecNotes,
    has_input: bool,
    refusal: Refusal,
) -> KeptStream:
    """Connect to the engine's socket, ask for `request` with an upgrade, and return the stream; it does not read yet.

    Raises `EngineUnavailable`, or the error that `refusal` makes of the engine's answer; nothing is left open.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    pipe = (-1, -1)
    try:
        async with engine_call(f"POST {request}"):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, path)
            await loop.sock_sendall(sock, upgrade_request(request, body))
            answer = await _read_head(sock)
            check_answer(answer, request, refusal)
            sock.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
            if has_input:
                pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        return KeptStream(sock, pipe, owner=owner, buffer=buffer, notes=notes)
    except BaseException:
        sock.close()
        for end in pipe:
            if end >= 0:
                os.close(end)
        raise


def adopt_kept(
    descriptors: Sequence[int], *, owner: StreamOwner, buffer: memoryview, notes: ExecNotes, end: int
) -> KeptStream:
    """Go on with a stream of a process that died; owns the descriptors. `end` is how much of it was taken in."""
    if len(descriptors) not in (1, 3):
        raise EngineError("these are not the descriptors of an exec")
    sock = socket.socket(fileno=descriptors[0])
    pipe = (descriptors[1], descriptors[2]) if len(descriptors) == 3 else (-1, -1)
    stream = KeptStream(sock, pipe, owner=owner, buffer=buffer, notes=notes)
    stream.recover(end)
    return stream


async def _read_head(sock: socket.socket) -> HeadReader:
    """Read the answer's head and not one byte of the stream behind it; all of an answer that is no stream."""
    head = HeadReader()
    while not head.is_whole:
        await _until_readable(sock)
        data = sock.recv(MAX_HEAD, socket.MSG_PEEK)
        if not data:
            raise unavailable("the engine closed the connection")
        sock.recv(head.feed(data))
    return head


async def _until_readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock.fileno(), _set, readable)
    try:
        await readable
    finally:
        loop.remove_reader(sock.fileno())


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
