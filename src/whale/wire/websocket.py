"""The client's side of RFC 6455, without I/O: handshake and frames as bytes.

The server uses its web framework's. For the command line a library's client costs more time to import than the
whole rest of its start, and this much of the RFC is small: no extensions, no text, one connection. The tests hold
it to the `websockets` library, frame by frame.
"""

import binascii
import os
from collections.abc import Callable
from enum import IntEnum
from importlib.machinery import PathFinder
from typing import NamedTuple

from whale.model.errors import ProtocolError, TransportError
from whale.model.limits import KIB, MAX_MESSAGE

ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""

MAX_HANDSHAKE = 16 * KIB
"""Longest head of an answer to a handshake, interim answers before it included; as much of a body is kept."""

MAX_FRAGMENTS = MAX_MESSAGE // KIB
"""Most frames one message may come in."""

MASK_BULK = 16 * KIB
"""From this size on a compiled masking function is worth loading."""

HEAD_END = b"\r\n\r\n"
TLS_RECORDS = b"\x15\x16"
"""First byte of what a TLS server says: an alert or a handshake."""


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
    """The answer to a handshake; `body` is filled only when it was refused and the answer says how long it is."""

    status: int
    headers: dict[str, str]
    """Names in lower case; a header that came twice has both values, with a comma between."""
    body: bytes


class HandshakeParser:
    """Collects the answer to a handshake. Feed it until `feed` returns a response; then see `leftover`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._interim = 0
        self._head: tuple[int, dict[str, str]] | None = None
        self.leftover = b""
        """Bytes behind the head: the first frames, when the server has already sent some."""

    def feed(self, data: bytes) -> Response | None:
        """Take bytes; return the response once it is whole. Raises `TransportError` for anything else."""
        searched = max(0, len(self._buffer) - len(HEAD_END) + 1)
        self._buffer += data
        while self._head is None:
            if not self._take_head(searched):
                return None
            searched = 0
        status, headers = self._head
        if status == 101:
            self.leftover = bytes(self._buffer)
            return Response(status, headers, b"")
        length = _body_length(headers)
        if len(self._buffer) < length:
            return None
        return Response(status, headers, bytes(self._buffer[:length]))

    def feed_eof(self) -> Response:
        """Be told that the server closed first: a refusal is returned as far as it came.

        Raises `TransportError` when there is no answer. A TLS port that hears plain HTTP often says nothing.
        """
        if self._head is None:
            hint = "" if self._buffer else "if the server expects TLS, use https:// instead of http://"
            raise TransportError("the server closed the connection without an answer", hint=hint)
        return Response(*self._head, bytes(self._buffer))

    def _take_head(self, searched: int) -> bool:
        """Move one head out of the buffer, interim answers (RFC 9110 section 15.2) included."""
        buffer = self._buffer
        if not b"HTTP/1.".startswith(buffer[:7]):
            tls = buffer[0] in TLS_RECORDS
            raise TransportError(
                "the server does not speak HTTP",
                code="transport.plain_http" if tls else "transport.lost",
                hint="the server may want https:// instead of http://" if tls else "",
            )
        end = buffer.find(HEAD_END, searched)
        size = len(buffer) - len(HEAD_END) + 1 if end < 0 else end
        if self._interim + size > MAX_HANDSHAKE:
            raise TransportError("the server's answer to the handshake is too long")
        if end < 0:
            return False
        head = _parse_head(bytes(buffer[:end]))
        del buffer[: end + len(HEAD_END)]
        self._interim += end
        if head[0] >= 200 or head[0] == 101:
            self._head = head
        return True


def check_accept(response: Response, *, key: str, subprotocol: str) -> None:
    """Make sure that a WebSocket server answered to this very request. Raises `TransportError`."""
    digest = _sha1(key.encode() + ACCEPT_GUID)
    expected = binascii.b2a_base64(digest, newline=False).decode()
    headers = response.headers
    if (
        response.status != 101
        or headers.get("upgrade", "").lower() != "websocket"
        or "upgrade" not in _tokens(headers.get("connection", ""))
        or headers.get("sec-websocket-accept") != expected
    ):
        raise TransportError("something between here and the server answered in its place")
    if headers.get("sec-websocket-protocol") != subprotocol:
        raise TransportError("the server does not speak this version of the protocol", code="protocol.version")
    if "sec-websocket-extensions" in headers:
        raise TransportError("the server chose an extension nobody offered", code="protocol.violation")


def _sha1(data: bytes) -> bytes:
    try:
        # The interpreter's own: hashlib loads OpenSSL, 3 ms before `open` can leave.
        from _sha1 import sha1  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha1
    digest: bytes = sha1(data, usedforsecurity=False).digest()
    return digest


def _tokens(value: str) -> list[str]:
    return [token.strip().lower() for token in value.split(",")]


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest.partition(" ")[0]
    if version not in ("HTTP/1.0", "HTTP/1.1") or not _is_number(status, digits=3) or not 100 <= int(status) < 600:
        raise TransportError("the server's answer is not HTTP")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise TransportError("the server's answer is not HTTP")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(status), headers


def _is_number(text: str, *, digits: int) -> bool:
    return 0 < len(text) <= digits and text.isascii() and text.isdigit()


def _body_length(headers: dict[str, str]) -> int:
    """Read how much of a refusal's body to wait for: none when the answer does not say how long it is."""
    length = headers.get("content-length", "")
    return min(int(length), MAX_HANDSHAKE) if _is_number(length, digits=18) else 0


def _load_mask() -> Callable[[bytes, bytes], bytes]:
    """Load one compiled function of the `websockets` library without its package, which costs 50 ms to import."""
    package = PathFinder.find_spec("websockets")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("websockets.speedups", places) if places else None
    if spec is None or spec.loader is None:
        return _mask_slowly
    module = spec.loader.create_module(spec)
    if module is None:
        return _mask_slowly
    spec.loader.exec_module(module)
    function: Callable[[bytes, bytes], bytes] = module.apply_mask
    return function


def _mask_slowly(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")


_mask_bulk: Callable[[bytes, bytes], bytes] | None = None


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask (RFC 6455 section 5.3); a compiled function is loaded for the first bulk data."""
    global _mask_bulk
    if _mask_bulk is None:
        if len(data) < MASK_BULK:
            return _mask_slowly(data, mask)
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
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> list[FrameEvent]:
        """Take bytes, return what was completed.

        Raises `ProtocolError` once the server broke the RFC. What was whole before that is returned first, and the
        error comes with the next call.
        """
        if self._error is not None:
            raise self._error
        if self._closed:
            return []
        events: list[FrameEvent] = []
        try:
            self._read(data, events)
        except ProtocolError as error:
            self._error = error
            if not events:
                raise
        return events

    def _read(self, data: bytes, events: list[FrameEvent]) -> None:
        buffer = self._buffer
        if not buffer:  # the usual case: nothing was left from before, and nothing is copied but payloads
            start = self._read_frames(data, data, events)
            if start < len(data):
                buffer += data[start:]
            return
        buffer += data
        with memoryview(buffer) as view:
            start = self._read_frames(buffer, view, events)
        del buffer[:start]

    def _read_frames(self, buffer: bytes | bytearray, view: bytes | memoryview, events: list[FrameEvent]) -> int:
        """Read the frames that are whole; return where they end."""
        start = 0
        while not self._closed and (bounds := _frame_bounds(buffer, start)) is not None:
            begin, end = bounds
            event = self._receive(buffer[start], bytes(view[begin:end]))
            if event is not None:
                events.append(event)
            start = end
        return start

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
        if self._parts_size > MAX_MESSAGE or len(self._parts) > MAX_FRAGMENTS:
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


def _frame_bounds(buffer: bytes | bytearray, start: int) -> tuple[int, int] | None:
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
