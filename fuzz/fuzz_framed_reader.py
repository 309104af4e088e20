"""Fuzz the reader of frames in HTTP bodies: it raises `ProtocolError` alone, and any split gives the same frames.

The first byte of the input says in what pieces the rest is fed.
"""

from collections.abc import Sequence

from whale.model.errors import ProtocolError
from whale.wire.framing import FramedReader, encode_framed

SEEDS: list[bytes] = [
    b"\x01" + encode_framed(b"\x01log line\n") + encode_framed(b'\x03{"code":0,"stdout":9,"stderr":0}'),
    b"\x05" + encode_framed(b"\x02" + b"x" * 300) * 3,
    b"\x02" + encode_framed(b"\x01x") + b"\0\0\0\0",
    b"\x03" + encode_framed(b"\x01x") + b"\xff\xff\xff\xff",
]


def fuzz_one(data: bytes) -> None:
    """Feed one body, whole and in pieces."""
    step, body = (data[0] or 1) if data else 1, data[1:]
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    frames, error = _read([body])
    assert (frames, error) == _read(pieces)
    assert body.startswith(b"".join(map(encode_framed, frames)))


def _read(pieces: Sequence[bytes]) -> tuple[list[bytes], str]:
    reader, frames = FramedReader(), list[bytes]()
    try:
        for piece in [*pieces, b""]:
            frames += reader.feed(piece)
    except ProtocolError as error:
        return frames, str(error)
    return frames, ""
