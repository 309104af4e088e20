"""The raw stream of an exec: one HTTP request that turns into a connection to the process.

`EngineStream` is what an exec needs of it. `local.py` has the one over a unix socket; here is the one over TCP, with
or without TLS, which can't be handed to another process.

Reads into a buffer that all streams of an engine share, because reading happens in the event loop's one thread
and its bytes are copied out before the next read. Never raises into the event loop, never interprets the bytes.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from whale.engine.docker.answer import SWITCHED, Answer, upgrade_request
from whale.engine.docker.errors import engine_call, from_answer, unavailable
from whale.engine.docker.notes import Notes
from whale.engine.docker.writer import SocketWriter
from whale.engine.sources import Sources
from whale.model.errors import EngineError, WhaleError
from whale.model.limits import KIB

READ_BUFFER = 256 * KIB
"""One per engine. Larger reads than the engine's 32 KiB frames save system calls under load."""


class StreamOwner(Protocol):
    """Takes what a stream has to say. Called from the event loop; must not raise."""

    def bytes_received(self, data: memoryview) -> None:
        """Take bytes from the engine; they are only valid during the call."""
        ...

    def stream_ended(self, error: Exception | None) -> None:
        """Be told, once, that nothing more comes. `error` is None when the engine ended it in order."""
        ...

    def stdin_drained(self) -> None:
        """Be told that everything written so far has left."""
        ...


class EngineStream(Protocol):
    """One connection to an exec. Whoever has it must `close` it."""

    @property
    def pending(self) -> int:
        """Bytes written that have not left yet."""
        ...

    def delivered(self, source: int) -> int:
        """How many bytes of that source have left."""
        ...

    def write(self, data: bytes | memoryview, *, source: int | None) -> None:
        """Send bytes, uncounted without a source; drops them when the stream has ended or was half-closed."""
        ...

    def half_close(self) -> None:
        """End our direction; reading goes on. Idempotent."""
        ...

    def pause(self) -> None:
        """Stop reading. Idempotent."""
        ...

    def resume(self) -> None:
        """Read on. Idempotent."""
        ...

    def descriptors(self) -> tuple[int, ...]:
        """What another process needs to take the stream over; nothing where it can't."""
        ...

    def close(self) -> None:
        """Let go of the connection at once; the owner is told nothing more. Idempotent."""
        ...

    async def request(self, head: bytes) -> tuple[int, bytes]:
        """Send the request and wait for the answer: its status, and its text if it is not the stream."""
        ...


class Dial(Protocol):
    """Connects to the engine; raises what the operating system raises."""

    async def __call__(self, owner: StreamOwner, buffer: memoryview, notes: Notes, *, has_input: bool) -> EngineStream:
        """Connect. The stream keeps its counts of input in the notes, if it can be taken over."""
        ...


class EngineTransport(Protocol):
    """What a stream needs of its connection: the one of `PlainConnection`, or of `tls.py`."""

    @property
    def pending(self) -> int:
        """Bytes written that have not left."""
        ...

    def write(self, data: bytes | memoryview) -> None:
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
        self._writer = SocketWriter(transport.get_extra_info("socket").fileno(), drained)

    @property
    def pending(self) -> int:
        """Bytes written that have not left."""
        return self._writer.pending

    def write(self, data: bytes | memoryview) -> None:
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


class HijackedStream(asyncio.BufferedProtocol):
    """An `EngineStream` over TCP."""

    def __init__(self, owner: StreamOwner, buffer: memoryview) -> None:
        self._owner = owner
        self._buffer = buffer
        self._connection: EngineTransport | None = None
        self._answer: Answer | None = Answer()
        """None when the stream has begun."""
        self._opened: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._sources = Sources()
        self._is_ended = False
        self._is_paused = False

    # --- what the owner calls

    @property
    def pending(self) -> int:
        """Bytes written that have not left yet."""
        return self._connection.pending if self._connection and not self._is_ended else 0

    def delivered(self, source: int) -> int:
        """How many bytes of that source have left."""
        self._sources.settle(pending=self.pending)
        return self._sources.delivered(source)

    def write(self, data: bytes | memoryview, *, source: int | None) -> None:
        """Send bytes, uncounted without a source; drops them when the stream has ended or was half-closed."""
        if self._connection and not self._is_ended:
            self._connection.write(data)
        if source is not None:
            self._sources.accept(source, len(data))
            self._sources.settle(pending=self.pending)

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

    def descriptors(self) -> tuple[int, ...]:
        """Nothing: what the kernel has of it, and what was read of TLS, can't be handed over."""
        return ()

    def close(self) -> None:
        """Let go of the connection at once; the owner is told nothing more. Idempotent."""
        self._is_ended = True
        if self._connection:
            self._connection.abort()

    async def request(self, head: bytes) -> tuple[int, bytes]:
        """Send the request and wait for the answer: its status, and its text if it is not the stream."""
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
        if self._answer is None:
            self._owner.bytes_received(self._buffer[:nbytes])
        elif self._answer.feed(self._buffer[:nbytes]) and not self._opened.done():
            answer, self._answer = self._answer, None if self._answer.is_stream else self._answer
            self._opened.set_result((answer.status, b"" if answer.is_stream else answer.rest))
            if answer.is_stream and answer.rest:
                self._owner.bytes_received(memoryview(answer.rest))

    def eof_received(self) -> bool:
        """Let the connection close: the engine ends both directions when an exec's output is over."""
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, unless `eof_received` has. A reset from another machine may have lost output."""
        self._end(exc)

    def drained(self) -> None:
        """Tell the owner that all has left."""
        if not self._is_ended and self._answer is None:
            self._owner.stdin_drained()

    def _end(self, error: Exception | None) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        if self._connection:
            self._connection.abort()
        if self._answer is not None:
            if not self._opened.done():
                self._opened.set_exception(unavailable(f"the engine closed the connection: {error}"))
                self._opened.exception()  # nobody may be waiting any more; then it is not an unseen error
        else:
            self._owner.stream_ended(error)


Refusal = Callable[[int, str, str], WhaleError]
"""Turns status and text of an answer, and the request's name, into the error they mean."""


async def open_stream(
    dial: Dial,
    path: str,
    body: bytes,
    *,
    owner: StreamOwner,
    buffer: memoryview,
    notes: Notes,
    has_input: bool,
    refusal: Refusal = from_answer,
) -> EngineStream:
    """Connect, ask for `path` with an upgrade, and return the stream. The caller must `close` it.

    Raises `EngineUnavailable`, or the error that `refusal` makes of the engine's answer; nothing is left open.
    """
    made: EngineStream | None = None
    try:
        async with engine_call(f"POST {path}"):
            made = await dial(owner, buffer, notes, has_input=has_input)
            status, text = await made.request(upgrade_request(path, body))
        _check(status, text, path, refusal)
    except BaseException:
        if made:
            made.close()
        raise
    return made


def _check(status: int, text: bytes, path: str, refusal: Refusal) -> None:
    if status == 0:
        raise EngineError("the engine did not answer in HTTP", detail=f"POST {path}: {text[:200]!r}")
    if status not in SWITCHED:
        raise refusal(status, text.decode("utf-8", "replace"), f"POST {path}")
