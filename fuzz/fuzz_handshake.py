"""Fuzz the reader of handshake answers: it raises `TransportError` alone, and any split gives the same answer.

The first byte of the input says in what pieces the rest is fed.
"""

import contextlib

from whale.model.errors import TransportError
from whale.wire.handshake import MAX_HANDSHAKE, HandshakeParser, Response, check_accept

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: whale.v1\r\n\r\n\x82\x01\x05"
)

SEEDS: list[bytes] = [
    b"\x01" + ACCEPTED,
    b"\x07" + ACCEPTED,
    b'\x03HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\n{"error": 1}more',
    b"\x05HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ACCEPTED,
    b"\x02HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    b"\x01\x15\x03\x01\x00\x02\x02\x46",
    b"\x01HTTP/1.1 301 Moved\r\nLocation: https://example.test/\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
]


def fuzz_one(data: bytes) -> None:
    """Feed one answer, whole and in pieces."""
    step, answer = (data[0] or 1) if data else 1, data[1:]
    pieces = [answer[start : start + step] for start in range(0, len(answer), step)]
    assert _read([answer]) == _read(pieces)


def _read(pieces: list[bytes]) -> tuple[Response | None, bytes, str]:
    parser = HandshakeParser()
    for number, piece in enumerate(pieces):
        try:
            response = parser.feed(piece)
        except TransportError as error:
            return None, b"", str(error)
        if response is not None:
            assert len(response.body) <= MAX_HANDSHAKE
            with contextlib.suppress(TransportError):
                check_accept(response, key="dGhlIHNhbXBsZSBub25jZQ==", subprotocol="whale.v1")
            rest = parser.leftover + b"".join(pieces[number + 1 :]) if response.status == 101 else b""
            return response, rest, ""
    with contextlib.suppress(TransportError):
        parser.feed_eof()
    return None, b"", "unfinished"
