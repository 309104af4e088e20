"""Fuzz the demultiplexer: it never raises, and any split gives what the whole gives."""

from whale.engine.demux import HEADER_SIZE, Demultiplexer
from whale.model.exec import Stream


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


SEEDS: list[bytes] = [
    frame(1, b"out") + frame(2, b"err"),
    frame(1, b"") + frame(1, b"a") + frame(1, b"b"),
    frame(0, b"in") + frame(2, b"x" * 300),
    b"\x01\x00\x00\x00\xff\xff\xff\xffshort",
    b"\x03\x00\x00\x00\x00\x00\x00\x01x",
    b"\x01\x00\x01\x00\x00\x00\x00\x01x",
    b"\x01\x00\x00",
]


def fuzz_one(data: bytes) -> None:
    whole = _streams(data, len(data) + 1)
    for size in (1, 2, HEADER_SIZE - 1, HEADER_SIZE + 1):
        split = _streams(data, size)
        assert split == whole, f"pieces of {size} bytes give something else"


def _streams(data: bytes, size: int) -> tuple[dict[Stream, bytes], bool, bool]:
    """What comes out per stream, whether it is between frames, and whether it was refused."""
    demux = Demultiplexer()
    out = dict.fromkeys(Stream, b"")
    for at in range(0, len(data), size):
        for stream, part in demux.feed(data[at : at + size]):
            assert part, "an empty piece"
            out[stream] += part
    return out, demux.is_between_frames, demux.error is not None
