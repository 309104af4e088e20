"""Reads what comes on a WebSocket into memory that all of them share, past the web framework's own way.

That way makes a copy of everything before anybody looks at it. Bulk input was copied four times on its way through
the server, which was most of its work; with this it is twice. One thread reads, and nobody keeps what it was shown, so
that one piece of memory is enough.
"""

import asyncio
from collections.abc import Callable

from whale.model.limits import KIB

READ_BUFFER = memoryview(bytearray(256 * KIB))

SMALL = 4 * KIB
"""Bytes up to which a copy costs nothing, and is easier to take apart than a view."""


class Intake(asyncio.BufferedProtocol):
    """Takes the place of the framework's connection at its transport. What is not about bytes goes on to that."""

    def __init__(self, feed: Callable[[bytes | memoryview], object], connection: asyncio.Protocol) -> None:
        """`feed` must be done with its bytes when it returns."""
        self._feed = feed
        self._connection = connection

    def take_over(self, transport: asyncio.Transport) -> None:
        """Have everything from now on come here."""
        transport.pause_reading()  # uvloop decides how it reads when it begins to
        transport.set_protocol(self)
        transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Lend the memory."""
        return READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read."""
        self._feed(bytes(READ_BUFFER[:nbytes]) if nbytes <= SMALL else READ_BUFFER[:nbytes])

    def eof_received(self) -> bool | None:
        """Let the framework decide what a half-closed connection is worth."""
        return self._connection.eof_received()

    def pause_writing(self) -> None:
        """Tell the framework's writer that the connection is full."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Tell it that there is room."""
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the framework, which tells the WebSocket."""
        self._connection.connection_lost(exc)
