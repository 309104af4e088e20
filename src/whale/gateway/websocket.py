"""One WebSocket of the gateway, without a task of its own: what comes is handed on, what is sent is written, at once.

The web framework does HTTP and keeps the connection. Its own WebSocket would put a queue and a task between the
socket and each message, which for a keystroke and its echo is more than everything else the gateway does.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from whale.gateway.intake import Intake
from whale.model.errors import ProtocolError
from whale.model.limits import CLOSE_TIMEOUT, HEARTBEAT_INTERVAL, KIB, PEER_TIMEOUT
from whale.wire.handshake import accept_key, check_request
from whale.wire.websocket import CloseReceived, FrameReader, MessageReceived, Opcode, PingReceived, encode_head

HIGH_WATER = 64 * KIB
"""Bytes that wait in the connection from which on nothing more is added: `drain` first."""

CLOSE_OK = 1000
CLOSE_GOING_AWAY = 1001
CLOSE_VIOLATED = 1002
_NO_LINGERING = struct.pack("ii", 1, 0)
"""For SO_LINGER: a close is a reset, for which nobody is waited."""

_BINARY = Opcode.BINARY  # looked up for every keystroke, and an enumeration is slow at it

NO_CODE = 1005
"""RFC 6455 section 7.4.1: what a close without a code counts as; never sent."""


class Receiver(Protocol):
    """Takes what a WebSocket has to say. Called from the event loop; must not raise."""

    def message_received(self, message: MessageReceived) -> None:
        """Take a message."""
        ...

    def violated(self, error: ProtocolError) -> None:
        """Be told, once, that the other end broke RFC 6455. Nothing more comes; `close` is still possible."""
        ...

    def ended(self) -> None:
        """Be told that the other end has closed, or is gone. Nothing more comes, nothing more leaves."""
        ...


class WebSocket:
    """The server's end. `accept` it, `send`, `drain` when it is congested, and `close` it unless it has ended."""

    def __init__(self, request: web.Request, receiver: Receiver) -> None:
        self._request = request
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(masked=True)
        self._writer: AbstractStreamWriter | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._is_closing = False
        self._was_closed = False
        self._is_deaf = False
        self._ended = asyncio.Event()

    async def accept(self, subprotocol: str, *, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        """Answer the handshake, with more `headers`, and begin; the handler returns the response when all is over.

        Raises `ProtocolError` for what is not a handshake for this subprotocol.
        """
        request = self._request
        key = check_request(request.headers, subprotocol=subprotocol)
        response = web.StreamResponse(
            status=101,
            headers={
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Accept": accept_key(key),
                "Sec-WebSocket-Protocol": subprotocol,
                **(headers or {}),
            },
        )
        response.force_close()
        try:
            self._writer = await response.prepare(request)
            assert self._writer is not None
            self._writer.send_headers()
        except ConnectionError:
            self._end()
        else:
            self._begin()
        return response

    @property
    def is_open(self) -> bool:
        """True while messages can be sent."""
        return self._transport is not None and not self._is_closing

    @property
    def is_lost(self) -> bool:
        """True when the connection is over and neither end closed it in order."""
        return self._ended.is_set() and not self._was_closed

    @property
    def is_congested(self) -> bool:
        """True when enough waits to be sent."""
        return self._transport is not None and self._transport.get_write_buffer_size() > HIGH_WATER

    def send(self, message: bytes) -> None:
        """Send a message. Dropped when the connection is over; `ended` says so."""
        if not self._is_closing:
            self._write(_BINARY, message)

    async def drain(self) -> None:
        """Wait until there is room to send, or the connection is over."""
        assert self._writer is not None
        try:
            await self._writer.drain()
        except ConnectionError:
            await self._ended.wait()

    async def close(self, code: int, reason: str = "", *, patience: float | None = None) -> None:
        """Send a close, wait a while for the other end's, and let go of the connection. Idempotent.

        `patience`: seconds to wait; CLOSE_TIMEOUT unless something else is said.
        """
        if self.is_open:
            self._is_closing = True
            self._write(Opcode.CLOSE, code.to_bytes(2, "big") + reason.encode())
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT if patience is None else patience):
                    await self._ended.wait()
            except TimeoutError:
                self._abort()

    # -- what the framework's connection calls -----------------------------------------------------------------

    def feed_data(self, data: bytes | memoryview) -> tuple[bool, bytes]:
        """Take bytes from the client; they need not stay as they are after the call."""
        self._heard = self._loop.time()
        if not self._is_deaf:
            try:
                for event in self._reader.feed(data):
                    if isinstance(event, MessageReceived):
                        self._receiver.message_received(event)
                    else:
                        self._take(event)
            except ProtocolError:
                pass  # it is in `error`, too
            if self._reader.error is not None:
                self._is_deaf = True
                self._receiver.violated(self._reader.error)
        return False, b""

    def feed_eof(self) -> None:
        """Be told that the connection is lost."""
        self._transport = None
        self._end()

    # -- inside ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        transport = self._request.transport
        if transport is None:  # the client left during the handshake
            self._end()
            return
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._transport = transport
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(HEARTBEAT_INTERVAL, self._beat)
        connection = self._request.protocol
        connection.set_parser(self)  # type: ignore[arg-type]  # calls `feed_data` and `feed_eof` alone
        Intake(self.feed_data, connection).take_over(transport)

    def _take(self, event: PingReceived | CloseReceived) -> None:
        if isinstance(event, PingReceived):
            # RFC 6455 section 5.5.3 lets us skip some, which a flood of them is for.
            if not self._is_closing and not self.is_congested:
                self._write(Opcode.PONG, event.payload)
        else:
            self._was_closed = True
            if not self._is_closing:
                self._is_closing = True
                self._write(Opcode.CLOSE, _answer(event.code).to_bytes(2, "big"))
            self._end()

    def _write(self, opcode: Opcode, payload: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        head = encode_head(opcode, len(payload))
        if len(payload) < HIGH_WATER:
            transport.write(head + payload)
        else:
            transport.writelines((head, payload))

    def _beat(self) -> None:
        """Ping, or give up a client that has been silent for too long (PROTOCOL.md section 10)."""
        now = self._loop.time()
        silent = now - self._heard
        if silent >= PEER_TIMEOUT:
            self._abort()
            return
        self._write(Opcode.PING, b"")
        self._timer = self._loop.call_at(now + min(HEARTBEAT_INTERVAL, PEER_TIMEOUT - silent), self._beat)

    def _abort(self) -> None:
        """Cut the connection, and have the kernel forget at once what the client has not taken of it."""
        if self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            self._transport.abort()
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._is_deaf = True
        if not self._ended.is_set():
            self._ended.set()
            self._receiver.ended()


def _answer(code: int) -> int:
    """Pick the code that answers a close: the same one, where an endpoint may send it (RFC 6455 section 7.4)."""
    if code == NO_CODE:
        return CLOSE_OK
    may_be_sent = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    return code if may_be_sent else CLOSE_VIOLATED
