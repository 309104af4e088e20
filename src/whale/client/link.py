"""One WebSocket to a server, without ever waiting: what can't be sent now is kept, what has come is returned.

It knows nothing of sessions. Its queue has no bound of its own: look at `queued` before adding input.
"""

import _socket
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from whale.client.address import Address
from whale.client.dial import connect, speaks_tls
from whale.client.profile import Profile
from whale.client.remote import refusal
from whale.client.silence import NEVER
from whale.model.errors import TransportError, WhaleError
from whale.model.limits import HANDSHAKE_TIMEOUT, KIB, PEER_TIMEOUT
from whale.wire.frames import SUBPROTOCOL
from whale.wire.handshake import HandshakeParser, Response, check_accept, encode_handshake, new_key
from whale.wire.websocket import MASK_BULK, FrameEvent, FrameReader, Opcode, encode_close, encode_frame, encode_message

SHELL_PATH = "/1.0/shell"

NORMAL_CLOSE = 1000

RECEIVE = 256 * KIB
"""Bytes asked of a socket that has much: two of the largest frames that a server sends."""

RECEIVE_FIRST = 16 * KIB
"""Bytes asked of a socket that had little. To make room for more costs a keystroke 20 µs."""

LEAVE_TIMEOUT = 2.0
"""Seconds for the last words to leave when nothing more is expected of the server."""

_LAST_ACK = slice(56, 60)
"""Milliseconds since the last acknowledgement, in Linux' tcp_info."""

_BINARY = Opcode.BINARY  # looked up for every keystroke, and an enumeration is slow at it

Bytes = bytes | memoryview

Frame = tuple[Bytes, Bytes]
"""One frame in two pieces, so that bulk data is not copied behind its head; the second one is empty for others."""


class Knock(NamedTuple):
    """A handshake that is on its way. Do something useful meanwhile, then call `enter`."""

    sock: _socket.socket
    address: Address
    key: str
    attaches: bool
    sent: float


def knock(profile: Profile) -> Knock:
    """Connect and send the handshake, without waiting for its answer. Raises `TransportError`."""
    return greet(connect(profile.address, trust=profile.trust), profile)


def greet(sock: _socket.socket, profile: Profile, *, attach: bytes = b"") -> Knock:
    """Send the handshake on a connection. Raises `TransportError`.

    The message `attach` of a client that comes back goes with it (PROTOCOL.md section 12.5); see then `is_attached`.
    """
    key = new_key()
    headers = {
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
        "Authorization": f"Bearer {profile.token.reveal()}",
    }
    if attach:
        from whale.wire.attach_header import ATTACH_HEADER, encode_attach_header  # only who comes back needs it

        headers[ATTACH_HEADER] = encode_attach_header(attach)
    request = encode_handshake(host=profile.address.authority, path=SHELL_PATH, key=key, headers=headers)
    try:
        if hasattr(_socket, "TCP_USER_TIMEOUT"):
            # What is not acknowledged breaks the connection when silence does, and not after the kernel's 15 minutes.
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_USER_TIMEOUT, int(1000 * PEER_TIMEOUT))
        sock.sendall(request)
    except OSError as error:
        sock.close()
        raise _lost(error) from error
    return Knock(sock, profile.address, key, attaches=bool(attach), sent=time.monotonic())


def enter(knocked: Knock, *, timeout: float = HANDSHAKE_TIMEOUT, asks_why: bool = True) -> "Link":
    """Wait for the answer to the handshake. Raises `TransportError`, or what the server refused it with.

    `asks_why` finds out, on another connection, whether who hangs up speaks TLS.
    """
    sock, address, key, attaches, sent = knocked
    try:
        response, leftover = _receive_response(sock, address, timeout, asks_why=asks_why)
        if response.status != 101:
            raise refusal(response.status, response.body)
        check_accept(response, key=key, subprotocol=SUBPROTOCOL)
    except WhaleError:
        sock.close()
        raise
    return Link(sock, leftover, is_attached=attaches and _was_taken(response), trip=time.monotonic() - sent)


def _was_taken(response: Response) -> bool:
    from whale.wire.attach_header import ATTACH_HEADER, TAKEN

    return response.headers.get(ATTACH_HEADER.lower()) == TAKEN


def _receive_response(
    sock: _socket.socket, address: Address, timeout: float, *, asks_why: bool
) -> tuple[Response, bytes]:
    parser = HandshakeParser()
    started = False
    deadline = time.monotonic() + timeout
    while True:
        try:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            data = sock.recv(RECEIVE_FIRST)
        except TimeoutError as error:
            raise TransportError(f"{address.authority} took the connection but does not answer") from error
        except OSError as error:
            raise _hung_up(address, asks_why=asks_why and not started) from error
        if not data:
            raise _hung_up(address, asks_why=asks_why and not started)
        started = True
        response = parser.feed(data)
        if response is not None:
            return response, parser.leftover


def _hung_up(address: Address, *, asks_why: bool) -> TransportError:
    if asks_why and not address.is_secure and speaks_tls(address):
        hint = "use https:// instead of http://"
        return TransportError(f"{address.authority} speaks TLS", code="transport.plain_http", hint=hint)
    hint = "check that the address is whale-server's"
    return TransportError("the server hung up during the handshake", hint=hint)


class Link:
    """Messages over a socket that does not block. Call `receive` and `flush` when the socket is ready for them."""

    def __init__(
        self, sock: _socket.socket, leftover: bytes = b"", *, is_attached: bool = False, trip: float = 0.0
    ) -> None:
        sock.setblocking(False)
        self.peer, self.near = _ends(sock)
        """Family and address of the server, as sockets take them, and family and host of this end."""
        self.trip = trip
        """Seconds that the handshake took: a round trip, and what the server needed for it."""
        self.is_attached = is_attached
        """True when the server took the `attach` in the handshake: it is not sent again, the answer is on its way."""
        self._sock = sock
        self.descriptor = sock.fileno()
        """What to wait for; -1 when closed."""
        self.is_secure = hasattr(sock, "pending")
        self._decrypted: Callable[[], int] = getattr(sock, "pending", _nothing)
        self._reader = FrameReader()
        self._ask = RECEIVE_FIRST
        self._leftover = leftover
        self._current: Frame = (b"", b"")
        """What has not left of the frame that has begun to leave."""
        self._urgent: deque[Frame] = deque()
        self._waiting: deque[Frame] = deque()
        self.queued = 0
        """Bytes that wait to be sent."""
        self.heard = time.monotonic()
        """When the server last said anything, be it a piece of a message."""
        self.awaiting = NEVER
        """When the first of the messages was sent that nothing has come after."""

    @property
    def has_unread(self) -> bool:
        """True when `receive` has something although the socket is silent: TLS decrypts whole records."""
        return bool(self._leftover) or self._decrypted() > 0

    def send(self, start: bytes, rest: bytes = b"") -> None:
        """Send a message, of one or two parts, behind all others, as far as the socket takes it now."""
        if self.awaiting == NEVER:
            self.awaiting = time.monotonic()
        if len(rest) < MASK_BULK or self.is_secure:  # TLS has no call for two pieces
            self._add(self._waiting, encode_frame(_BINARY, start + rest))
        else:
            self._add(self._waiting, *encode_message(start, rest))

    def send_urgent(self, message: bytes) -> None:
        """Send a message before everything that has not begun to leave: acknowledgements, signals, sizes."""
        self._add(self._urgent, encode_frame(Opcode.BINARY, message))

    def send_pong(self, payload: bytes) -> None:
        """Answer a ping; data never holds it up."""
        self._add(self._urgent, encode_frame(Opcode.PONG, payload))

    def send_ping(self) -> None:
        """Ask whether the server is there."""
        self._add(self._urgent, encode_frame(Opcode.PING, b""))

    def acknowledged_ago(self) -> float | None:
        """Seconds since the other end's kernel acknowledged anything; None where that is not known.

        With something in between that ends TCP, as a proxy does, this is the proxy's kernel.
        """
        if not hasattr(_socket, "TCP_INFO"):
            return None
        try:
            info = self._sock.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, _LAST_ACK.stop)
        except OSError:
            return None
        return int.from_bytes(info[_LAST_ACK], sys.byteorder) / 1000

    def receive(self) -> list[FrameEvent]:
        """Return what has come, which may be nothing. Raises `TransportError` at the end of the connection."""
        if self._leftover:
            data, self._leftover = self._leftover, b""
            return self._reader.feed(data)
        try:
            data = self._sock.recv(self._ask)
        except OSError as error:
            if _would_block(error):
                return []
            raise _lost(error) from error
        if not data:
            raise TransportError("the connection to the server broke", hint="check your network and the server")
        self.heard, self.awaiting = time.monotonic(), NEVER
        self._ask = RECEIVE if len(data) == self._ask else RECEIVE_FIRST
        return self._reader.feed(data)

    def flush(self) -> None:
        """Send as much as the socket takes. Raises `TransportError` when it takes nothing any more."""
        while self.queued:
            try:
                self._send_some()
            except OSError as error:
                if _would_block(error):
                    return
                raise _lost(error) from error

    def close(self, code: int = NORMAL_CLOSE, *, heard: bool = False) -> None:
        """Send what is queued and a close frame, for at most `LEAVE_TIMEOUT`, and close. Never raises; idempotent.

        `heard` waits until the server has heard it and closes, too. Where the session goes on without that word it
        matters: closing a socket that has something unread resets the connection, and a server that is writing sees
        that before it reads the close.
        """
        if self.descriptor < 0:
            return
        self.descriptor = -1
        # Input that has not begun to leave has nobody to go to any more.
        self.queued -= sum(len(head) + len(rest) for head, rest in self._waiting)
        self._waiting.clear()
        frame = encode_close(code)
        self._urgent.append((frame, b""))
        self.queued += len(frame)
        deadline = time.monotonic() + LEAVE_TIMEOUT
        try:
            while self.queued:
                self._sock.settimeout(max(0.001, deadline - time.monotonic()))
                self._send_some()
            if heard:
                self._sock.shutdown(_socket.SHUT_WR)
                while (patience := deadline - time.monotonic()) > 0:
                    self._sock.settimeout(patience)
                    if not self._sock.recv(RECEIVE):
                        break
        except OSError:
            pass  # the server finds out by itself
        finally:
            self._sock.close()

    def drop(self) -> None:
        """Close without a word: the connection is broken, or nobody wants it. Idempotent."""
        self.descriptor = -1
        self._sock.close()

    def _send_some(self) -> None:
        if not self._current[0]:
            self._current = (self._urgent or self._waiting).popleft()
        head, rest = self._current
        sent = self._sock.sendmsg((head, rest)) if rest else self._sock.send(head)
        self.queued -= sent
        self._current = _behind(head, rest, sent)

    def _add(self, queue: deque[Frame], head: bytes, rest: bytes = b"") -> None:
        size = len(head) + len(rest)
        if self.queued:
            queue.append((head, rest))
            self.queued += size
            return
        # Nothing waits, as for nearly every keystroke: no queue in between.
        try:
            sent = self._sock.send(head) if not rest else self._sock.sendmsg((head, rest))
        except OSError as error:
            if not _would_block(error):
                raise _lost(error) from error
            sent = 0
        if sent < size:
            self._current = _behind(head, rest, sent)
            self.queued = size - sent


def _behind(head: Bytes, rest: Bytes, sent: int) -> Frame:
    """Return what is left of a frame when so many of its bytes have left."""
    if sent < len(head):
        return memoryview(head)[sent:], rest
    return memoryview(rest)[sent - len(head) :], b""


def _ends(sock: _socket.socket) -> tuple[tuple[int, Any] | None, tuple[int, str] | None]:
    """Return both ends' addresses; None when the connection broke already."""
    try:
        near = sock.getsockname()
        return (sock.family, sock.getpeername()), (sock.family, near[0] if near else "")
    except OSError:
        return None, None


def _nothing() -> int:
    return 0


def _would_block(error: OSError) -> bool:
    if isinstance(error, BlockingIOError):
        return True
    # TLS says the same with errors of its own; naming them would import ssl.
    return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")


def _lost(error: OSError) -> TransportError:
    return TransportError(
        "the connection to the server broke", hint="check your network and the server", detail=type(error).__name__
    )
