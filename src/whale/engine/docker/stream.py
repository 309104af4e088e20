"""The raw stream of an exec: one HTTP request that turns into a connection to the process.

Reads into a buffer that all streams of an engine share, because reading happens in the event loop's one thread
and its bytes are copied out before the next read. Never raises into the event loop, never interprets the bytes.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from whale.engine.docker.errors import engine_call, from_answer, unavailable
from whale.engine.docker.writer import SocketWriter
from whale.model.errors import EngineError, WhaleError
from whale.model.limits import KIB

READ_BUFFER = 256 * KIB
"""One per engine. Larger reads than the engine's 32 KiB frames save system calls under load."""

MAX_HEAD = 16 * KIB
"""Largest head of the engine's answer, and largest text of an error we keep."""

_SWITCHED = (101, 200)
"""200 is what engines answer that ignore the upgrade and stream all the same."""


class StreamOwner(Protocol):
    """Takes what a stream has to say. Called from the event loop; must not raise."""

    def bytes_received(self, data: memoryview) -> None:
        """Take bytes from the engine; they are only valid during the call."""
        ...

    def bytes_taken(self, end: int) -> None:
        """Be told, after each `bytes_received`, how long the stream is in all; 0 where nobody counts."""
        ...

    def stream_ended(self, error: Exception | None) -> None:
        """Be told, once, that nothing more comes. `error` is None when the engine ended it in order."""
        ...

    def stdin_drained(self) -> None:
        """Be told that everything written so far has left."""
        ...


class EngineTransport(Protocol):
    """What a stream needs of its connection: the one of `PlainConnection`, or of `tls.py`."""

    @property
    def is_local(self) -> bool:
        """True when a reset can't overtake or destroy what was sent before it."""
        ...

    @property
    def pending(self) -> int:
        """Bytes written that have not left."""
        ...

    def write(self, data: bytes) -> None:
        """Send; a failure ends writing, never reading."""
        ...

    def write_eof(self) -> None:
        """End our direction when all has left."""
        ...

    def abort(self) -> None:
        """Let go of the connection."""
        ...

    def pause_reading(self) -> None:
        """Stop reading."""
        ...

    def resume_reading(self) -> None:
        """Read on."""
        ...


class PlainConnection:
    """A connection without TLS: asyncio reads, `SocketWriter` writes."""

    def __init__(self, transport: asyncio.Transport, drained: Callable[[], None]) -> None:
        self._transport = transport
        connected = transport.get_extra_info("socket")
        self._writer = SocketWriter(connected.fileno(), drained)
        self._is_local: bool = connected.family == socket.AF_UNIX

    @property
    def is_local(self) -> bool:
        """True for a unix socket: all that the engine wrote was in our queue before the reset."""
        return self._is_local

    @property
    def pending(self) -> int:
        """Bytes written that have not left."""
        return self._writer.pending

    def write(self, data: bytes) -> None:
        """Send."""
        self._writer.write(data)

    def write_eof(self) -> None:
        """End our direction when all has left."""
        self._writer.end()

    def abort(self) -> None:
        """Let go of both halves."""
        self._writer.close()
        self._transport.abort()

    def pause_reading(self) -> None:
        """Stop reading."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()


Dial = Callable[[Callable[[], "HijackedStream"]], Awaitable[None]]
"""Connects a protocol to the engine; raises what the operating system raises."""


class HijackedStream(asyncio.BufferedProtocol):
    """One connection. `open_stream` makes it; whoever has it must `close` it."""

    def __init__(self, owner: StreamOwner, buffer: memoryview) -> None:
        self._owner = owner
        self._buffer = buffer
        self._connection: EngineTransport | None = None
        self._head: bytearray | None = bytearray()
        """The answer's head until the stream begins, then None."""
        self._opened: asyncio.Future[HeadReader] = asyncio.get_running_loop().create_future()
        self._is_ended = False
        self._is_paused = False

    # --- what the owner calls

    @property
    def pending(self) -> int:
        """Bytes written that have not left yet."""
        return self._connection.pending if self._connection and not self._is_ended else 0

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Nothing that another process could go on with."""
        return ()

    def write(self, data: bytes, source: int = 0) -> None:  # noqa: ARG002 - nobody tells writers apart here
        """Send bytes; drops them when the stream has ended or was half-closed."""
        if self._connection and not self._is_ended:
            self._connection.write(data)

    def half_close(self) -> None:
        """End our direction; reading goes on. Idempotent."""
        if self._connection and not self._is_ended:
            self._connection.write_eof()

    def pause(self) -> None:
        """Stop reading. Idempotent."""
        if not self._is_paused and not self._is_ended and self._connection:
            self._is_paused = True
            self._connection.pause_reading()

    def resume(self) -> None:
        """Read on. Idempotent."""
        if self._is_paused and not self._is_ended and self._connection:
            self._is_paused = False
            self._connection.resume_reading()

    def close(self) -> None:
        """Let go of the connection at once; the owner is told nothing more. Idempotent."""
        self._is_ended = True
        if self._connection:
            self._connection.abort()

    async def request(self, head: bytes) -> "HeadReader":
        """Send the request and wait for the answer."""
        assert self._connection is not None
        self._connection.write(head)
        return await self._opened

    # --- what the connection calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take asyncio's transport; with TLS `secured` is called instead."""
        # Not checked: uvloop's transports are no subclasses of asyncio's.
        self.secured(PlainConnection(cast("asyncio.Transport", transport), self.drained))

    def secured(self, connection: EngineTransport) -> None:
        """Take the connection that everything goes through."""
        self._connection = connection

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Lend the engine's read buffer."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read."""
        if self._head is None:
            self._owner.bytes_received(self._buffer[:nbytes])
            self._owner.bytes_taken(0)
        else:
            self._head += self._buffer[:nbytes]
            self._read_head()

    def eof_received(self) -> bool:
        """Let the connection close: the engine ends both directions when an exec's output is over."""
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, unless `eof_received` has.

        An engine that closes while input is unread resets the connection; on the same machine that is an orderly
        end all the same. Elsewhere output may have been lost.
        """
        is_orderly = isinstance(exc, ConnectionResetError) and self._connection and self._connection.is_local
        self._end(None if is_orderly else exc)

    def drained(self) -> None:
        """Tell the owner that all has left."""
        if not self._is_ended and self._head is None:
            self._owner.stdin_drained()

    def _end(self, error: Exception | None) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        if self._connection:
            self._connection.abort()
        if self._head is not None:
            if not self._opened.done():
                self._opened.set_exception(unavailable(f"the engine closed the connection: {error}"))
                self._opened.exception()  # nobody may be waiting any more; then it is not an unseen error
        else:
            self._owner.stream_ended(error)

    def _read_head(self) -> None:
        """Look whether the answer's head is complete; what follows it belongs to the stream."""
        assert self._head is not None
        if self._opened.done():
            return
        reader = HeadReader()
        used = reader.feed(bytes(self._head))
        if not reader.is_whole:
            return
        rest = self._head[used:]
        if reader.is_stream:
            self._head = None
        self._opened.set_result(reader)
        if reader.is_stream and rest:
            self._owner.bytes_received(memoryview(rest))
            self._owner.bytes_taken(0)


class HeadReader:
    """Reads the head of the engine's answer, and the text of one that is a refusal. Pure."""

    def __init__(self) -> None:
        self.is_whole = False
        self.is_stream = False
        """The stream begins right behind the head."""
        self.status = 0
        """0 for what is not HTTP."""
        self.text = b""
        self._seen = b""

    def feed(self, data: bytes) -> int:
        """Take the next bytes; return how many of them are not the stream's."""
        before = len(self._seen)
        self._seen += data
        head, mark, rest = self._seen.partition(b"\r\n\r\n")
        if not mark and len(head) <= MAX_HEAD:
            return len(data)
        self.status = _status(head) or 0 if mark else 0
        self.is_stream = self.status in _SWITCHED
        if self.is_stream:
            self.is_whole = True
            return len(head) + len(mark) - before
        self.text = rest[:MAX_HEAD]
        self.is_whole = not self.status or len(rest) >= min(_length(head), MAX_HEAD)
        return len(data)


def _status(head: bytes) -> int | None:
    parts = head.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/1.") and parts[1].isdigit() else None


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


Refusal = Callable[[int, str, str], WhaleError]
"""Turns status and text of an answer, and the request's name, into the error they mean."""


async def open_stream(
    dial: Dial,
    path: str,
    body: bytes,
    *,
    owner: StreamOwner,
    buffer: memoryview,
    refusal: Refusal = from_answer,
) -> HijackedStream:
    """Connect, ask for `path` with an upgrade, and return the stream. The caller must `close` it.

    Raises `EngineUnavailable`, or the error that `refusal` makes of the engine's answer; nothing is left open.
    """
    made: list[HijackedStream] = []

    def factory() -> HijackedStream:
        made.append(HijackedStream(owner, buffer))
        return made[0]

    try:
        async with engine_call(f"POST {path}"):
            await dial(factory)
            answer = await made[0].request(upgrade_request(path, body))
        check_answer(answer, path, refusal)
    except BaseException:
        for stream in made:
            stream.close()
        raise
    return made[0]


def check_answer(answer: HeadReader, path: str, refusal: Refusal) -> None:
    """Raise what an answer that is no stream means."""
    if not answer.status:
        raise EngineError("the engine did not answer in HTTP", detail=f"POST {path}: {answer.text[:200]!r}")
    if not answer.is_stream:
        raise refusal(answer.status, answer.text.decode("utf-8", "replace"), f"POST {path}")


def upgrade_request(path: str, body: bytes) -> bytes:
    """Make the request for a stream."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
