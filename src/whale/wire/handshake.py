"""The opening handshake of RFC 6455, without I/O: the client's request, what a server looks at, and its answer.

No extensions, one subprotocol. The tests hold both ends to the `websockets` library.
"""

import binascii
import os
from collections.abc import Mapping
from typing import NamedTuple

from whale.model.errors import ProtocolError, TransportError
from whale.model.limits import KIB

ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""

MAX_HANDSHAKE = 16 * KIB
"""Longest head of an answer to a handshake, interim answers before it included; as much of a body is kept."""

HEAD_END = b"\r\n\r\n"
TLS_RECORDS = b"\x15\x16"
"""First byte of what a TLS server says: an alert or a handshake."""


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
    headers = response.headers
    if (
        response.status != 101
        or headers.get("upgrade", "").lower() != "websocket"
        or "upgrade" not in _tokens(headers.get("connection", ""))
        or headers.get("sec-websocket-accept") != accept_key(key)
    ):
        raise TransportError("something between here and the server answered in its place")
    if headers.get("sec-websocket-protocol") != subprotocol:
        raise TransportError("the server does not speak this version of the protocol", code="protocol.version")
    if "sec-websocket-extensions" in headers:
        raise TransportError("the server chose an extension nobody offered", code="protocol.violation")


def accept_key(key: str) -> str:
    """Compute the `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`."""
    return binascii.b2a_base64(_sha1(key.encode() + ACCEPT_GUID), newline=False).decode()


def check_request(headers: Mapping[str, str], *, subprotocol: str) -> str:
    """Make sure that a client asks for a WebSocket of this subprotocol (RFC 6455 section 4.2.1); return its key.

    `headers` finds names in any case. Raises `ProtocolError`.
    """
    if subprotocol not in [name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",")]:
        raise ProtocolError(f"the subprotocol {subprotocol} is needed here", code="protocol.version")
    key = headers.get("Sec-WebSocket-Key", "").strip()
    if (
        headers.get("Upgrade", "").strip().lower() != "websocket"
        or "upgrade" not in _tokens(headers.get("Connection", ""))
        or headers.get("Sec-WebSocket-Version", "").strip() != "13"
        or not _is_key(key)
    ):
        raise ProtocolError("this is not a WebSocket handshake")
    return key


def _is_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key.encode("ascii"), strict_mode=True)) == 16
    except ValueError:  # not ASCII, or not base64
        return False


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
