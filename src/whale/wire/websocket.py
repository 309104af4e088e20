"""The client's side of RFC 6455, without I/O: handshake and frames as bytes.

The server uses its web framework's. For the command line a library's client costs more time to import than the
whole rest of its start, and this much of the RFC is small: no extensions, no text, one connection. The tests hold
it to the `websockets` library, frame by frame.
"""

import binascii
import os
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from whale.model.errors import ProtocolError, TransportError
from whale.model.limits import KIB, MAX_MESSAGE

ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""

MAX_HANDSHAKE = 16 * KIB
"""Longest response head of a handshake, its body included when the answer is an error."""

MASK_BULK = 4 * KIB
"""From this size on a compiled masking function is worth its import."""


class Opcode(IntEnum):
    """RFC 6455 section 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class MessageReceived(NamedTuple):
    """A whole message; `binary` is False for text."""

    data: bytes
    binary: bool


class PingReceived(NamedTuple):
    """Answer with `encode_frame(Opcode.PONG, payload)`."""

    payload: bytes


class CloseReceived(NamedTuple):
    """The server closes. `code` is 1005 when it gave none."""

    code: int
    reason: str


FrameEvent = MessageReceived | PingReceived | CloseReceived


def new_key() -> str:
    """Make the random `Sec-WebSocket-Key` of one handshake."""
    return binascii.b2a_base64(os.urandom(16), newline=False).decode()


def encode_handshake(*, host: str, path: str, key: str, headers: dict[str, str]) -> bytes:
    """Encode the request of the opening handshake (RFC 6455 section 4.1)."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Response(NamedTuple):
    """The answer to a handshake; `body` is filled only when it was refused."""

    status: int
    headers: dict[str, str]
    body: bytes


class HandshakeParser:
    """Collects the answer to a handshake. Feed it until `feed` returns a response; then see `leftover`."""

    def __init__(self) -> None:
        self._buffer = b""
        self.leftover = b""
        """Bytes behind the head: the first frames, when the server has already sent some."""

    def feed(self, data: bytes) -> Response | None:
        """Take bytes; return the response once it is whole. Raises `TransportError` for anything else."""
        self._buffer += data
        if not b"HTTP/1.".startswith(self._buffer[:7]):
            hint = "the server may want https:// instead of http://" if self._buffer[:1] in b"\x15\x16" else ""
            code = "transport.plain_http" if hint else "transport.lost"
            raise TransportError("the server does not speak HTTP", code=code, hint=hint)
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if len(head) > MAX_HANDSHAKE or len(rest) > MAX_HANDSHAKE + MAX_MESSAGE:
            raise TransportError("the server's answer to the handshake is too long")
        if not end:
            return None
        status, headers = _parse_head(head)
        if status == 101:
            self.leftover = rest
            return Response(status, headers, b"")
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(rest) < min(int(length), MAX_HANDSHAKE):
            return None
        return Response(status, headers, rest[:MAX_HANDSHAKE])


def check_accept(response: Response, *, key: str, subprotocol: str) -> None:
    """Make sure that a WebSocket server answered to this very request. Raises `TransportError`."""
    import hashlib  # late: by now the request is on its way, and 5 ms pass unseen

    digest = hashlib.sha1(key.encode() + ACCEPT_GUID, usedforsecurity=False).digest()
    expected = binascii.b2a_base64(digest, newline=False).decode()
    if response.headers.get("sec-websocket-accept") != expected:
        raise TransportError("something between here and the server answered in its place")
    if response.headers.get("sec-websocket-protocol") != subprotocol:
        raise TransportError("the server does not speak this version of the protocol", code="protocol.version")
    if "sec-websocket-extensions" in response.headers:
        raise TransportError("the server chose an extension nobody offered", code="protocol.violation")


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or len(parts[1]) != 3 or not (parts[1].isascii() and parts[1].isdigit()):
        raise TransportError("the server's answer is not HTTP")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise TransportError("the server's answer is not HTTP")
        headers[name.strip().lower()] = value.strip()
    return int(parts[1]), headers


def _load_mask() -> Callable[[bytes, bytes], bytes]:
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        return _mask_slowly
    return apply_mask


def _mask_slowly(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")


_mask_bulk: Callable[[bytes, bytes], bytes] | None = None


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask (RFC 6455 section 5.3): 4 KiB and more by a compiled function if installed."""
    global _mask_bulk
    if len(data) < MASK_BULK:
        return _mask_slowly(data, mask)
    if _mask_bulk is None:
        _mask_bulk = _load_mask()
    return _mask_bulk(data, mask)


def encode_frame(opcode: Opcode, payload: bytes) -> bytes:
    """Encode one final, masked frame."""
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    return head + mask + apply_mask(payload, mask)


def encode_close(code: int) -> bytes:
    """Encode a close frame without a reason."""
    return encode_frame(Opcode.CLOSE, code.to_bytes(2, "big"))


class FrameReader:
    """Turns the server's bytes into messages, in whatever pieces they come. Holds at most one message."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._opcode: int | None = None
        self._closed = False

    def feed(self, data: bytes) -> list[FrameEvent]:
        """Take bytes, return what was completed. Raises `ProtocolError` once the server broke the RFC."""
        if self._closed:
            return []
        buffer = self._buffer
        buffer += data
        events: list[FrameEvent] = []
        start = 0
        view = memoryview(buffer)
        try:
            while not self._closed:
                bounds = _frame_bounds(buffer, start)
                if bounds is None:
                    break
                begin, end = bounds
                event = self._receive(buffer[start], bytes(view[begin:end]))
                if event is not None:
                    events.append(event)
                start = end
        finally:
            view.release()
        del buffer[:start]
        return events

    def _receive(self, first: int, payload: bytes) -> FrameEvent | None:
        final, opcode = bool(first & 0x80), first & 0x0F
        if opcode >= Opcode.CLOSE:
            return self._receive_control(opcode, payload, final=final)
        if (opcode == Opcode.CONTINUATION) == (self._opcode is None) or opcode > Opcode.BINARY:
            raise ProtocolError("a WebSocket frame is out of order")
        if opcode != Opcode.CONTINUATION:
            if final:
                return MessageReceived(payload, binary=opcode == Opcode.BINARY)
            self._opcode = opcode
        self._parts.append(payload)
        self._parts_size += len(payload)
        if self._parts_size > MAX_MESSAGE or len(self._parts) > MAX_MESSAGE // KIB:
            raise ProtocolError("a WebSocket message is too long", code="protocol.too_big")
        if not final:
            return None
        message = MessageReceived(b"".join(self._parts), binary=self._opcode == Opcode.BINARY)
        self._parts, self._parts_size, self._opcode = [], 0, None
        return message

    def _receive_control(self, opcode: int, payload: bytes, *, final: bool) -> FrameEvent | None:
        if not final or len(payload) > 125:
            raise ProtocolError("a WebSocket control frame breaks the RFC")
        if opcode == Opcode.PING:
            return PingReceived(payload)
        if opcode == Opcode.PONG:
            return None
        if opcode != Opcode.CLOSE or len(payload) == 1:
            raise ProtocolError("a WebSocket control frame breaks the RFC")
        self._closed = True
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        return CloseReceived(code, payload[2:].decode("utf-8", "replace"))


def _frame_bounds(buffer: bytearray, start: int) -> tuple[int, int] | None:
    """Find where the payload of the frame at `start` begins and ends; None while it is not whole."""
    if len(buffer) - start < 2:
        return None
    if buffer[start] & 0x70:
        raise ProtocolError("a WebSocket frame uses an extension nobody offered")
    size = buffer[start + 1]
    if size & 0x80:
        raise ProtocolError("a server must not mask its frames")
    begin = start + 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        if len(buffer) - begin < wide:
            return None
        size = int.from_bytes(buffer[begin : begin + wide], "big")
        begin += wide
    if size > MAX_MESSAGE:
        raise ProtocolError("a WebSocket message is too long", code="protocol.too_big")
    return (begin, begin + size) if len(buffer) - begin >= size else None
