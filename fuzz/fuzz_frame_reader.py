"""Fuzz the reader of WebSocket frames: it raises `ProtocolError` alone, and any split gives the same events.

The first byte of the input says in what pieces the rest is fed, and with its highest bit whether masked frames are
expected.
"""

from collections.abc import Sequence

from whale.model.errors import ProtocolError
from whale.model.limits import MAX_MESSAGE
from whale.wire.websocket import FrameEvent, FrameReader, MessageReceived

SEEDS: list[bytes] = [
    b"\x01\x82\x05\x01data\x82\x00",
    b"\x03\x82\x7e\x00\x80\x01" + b"x" * 127,
    b"\x40\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + b"x" * 65536,
    b"\x02\x02\x01a\x89\x04ping\x00\x01b\x80\x01c\x8a\x00",
    b"\x05\x81\x04text\x88\x05\x03\xe8bye\x82\x01x",
    b"\x01\x88\x00",
    b"\x81\x82\x85maskdataX\x82\x80mask",
    b"\x83\x82\xfe\x00\x80mask\x01" + b"x" * 127,
    b"\x82\x02\x81maska\x89\x84maskping\x00\x81maskb\x80\x81maskc\x8a\x80mask",
]


def fuzz_one(data: bytes) -> None:
    """Feed one stream, whole and in pieces."""
    first, stream = data[0] if data else 0, data[1:]
    masked, step = first >= 128, first % 128 or 1
    pieces = [stream[start : start + step] for start in range(0, len(stream), step)]
    assert _read([stream], masked=masked) == _read(pieces, masked=masked)


def _read(pieces: Sequence[bytes], *, masked: bool) -> tuple[list[FrameEvent], str]:
    reader, events = FrameReader(masked=masked), list[FrameEvent]()
    try:
        for piece in [*pieces, b""]:
            events += reader.feed(piece)
    except ProtocolError as error:
        return events, str(error)
    assert all(len(event.data) <= MAX_MESSAGE for event in events if isinstance(event, MessageReceived))
    return events, ""
