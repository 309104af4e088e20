"""Syslog, RFC 5424: over a unix datagram socket, UDP, or TCP with the length in front (RFC 6587 section 3.4.1).

What the system has taken counts as delivered: syslog has no answer that could say more.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from whale.audit.event import Kind, decode_event
from whale.model.errors import TransportError
from whale.model.limits import AUDIT_SINK_TIMEOUT

FACILITY: Final = 13
"""Log audit."""

WARNING, NOTICE = 4, 5

MAX_SHORT: Final = 1400
"""Bytes of a message that fits every datagram: what is left of one that did not fit."""

_WARNINGS: Final = {Kind.AUTH_REFUSED, Kind.DENIED, Kind.REVOKED, Kind.MISSED, Kind.SKIPPED}


class SyslogSink:
    """One receiver, at `unix:///path`, `udp://host:port` or `tcp://host:port`."""

    def __init__(self, url: str, *, name: str = "syslog") -> None:
        self.name = name
        self._parts = urlsplit(url)
        self._socket: socket.socket | None = None

    async def deliver(self, lines: Sequence[str]) -> None:
        """Send lines. Raises `TransportError`."""
        try:
            async with asyncio.timeout(AUDIT_SINK_TIMEOUT):
                for line in lines:
                    await self._send(message(line))
        except (OSError, TimeoutError) as error:
            self._close()
            raise TransportError("syslog does not take audit events", detail=str(error) or "no answer") from error

    async def aclose(self) -> None:
        """Close the connection."""
        self._close()

    async def _send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if self._socket is not None and self._parts.scheme == "tcp" and _is_closed(self._socket):
            self._close()
        if self._socket is None:
            self._socket = await self._connected(loop)
        if self._parts.scheme == "tcp":
            await loop.sock_sendall(self._socket, b"%d %s" % (len(data), data))
            return
        try:
            await loop.sock_sendall(self._socket, data)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            await loop.sock_sendall(self._socket, data[:MAX_SHORT])

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        parts = self._parts
        if parts.scheme == "unix":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address: Any = parts.path
        else:
            kind = socket.SOCK_STREAM if parts.scheme == "tcp" else socket.SOCK_DGRAM
            family, kind, _, _, address = (await loop.getaddrinfo(parts.hostname or "", parts.port, type=kind))[0]
            made = socket.socket(family, kind)
        try:
            made.setblocking(False)
            if parts.scheme == "tcp":
                await loop.sock_connect(made, address)
            else:
                made.connect(address)  # a datagram socket connects to nobody, and at once
        except BaseException:
            made.close()
            raise
        return made

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def message(line: str) -> bytes:
    """Wrap an event into a message of RFC 5424 section 6."""
    event = decode_event(line)
    severity = WARNING if event.kind in _WARNINGS else NOTICE
    host = socket.gethostname() or "-"
    # The BOM says that the text is UTF-8 (section 6.4).
    head = f"<{FACILITY * 8 + severity}>1 {event.time} {host} whale {os.getpid()} {event.kind.value} - \ufeff"
    return f"{head}{line}".encode()


def _is_closed(connection: socket.socket) -> bool:
    """Tell whether a receiver, which never says anything, has closed."""
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
