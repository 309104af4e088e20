"""Whale frames in an HTTP body: a 4-byte big-endian length before each (PROTOCOL.md section 8).

A streamed log uses it: standard output and error stay apart, and the status frame at the end tells a log that is
over from one that was cut.
"""

from whale.model.errors import ProtocolError
from whale.model.limits import MAX_MESSAGE

MEDIA_TYPE = "application/vnd.whale.frames"
LENGTH = 4


def encode_framed(frame: bytes) -> bytes:
    """Put the length before a frame."""
    return len(frame).to_bytes(LENGTH, "big") + frame


class FramedReader:
    """Takes a body in whatever pieces it comes. Holds at most one frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the frames they complete. Raises `ProtocolError` for a length out of range."""
        buffer = self._buffer
        buffer += data
        frames: list[bytes] = []
        start = 0
        while len(buffer) - start >= LENGTH:
            size = int.from_bytes(buffer[start : start + LENGTH], "big")
            if not 0 < size <= MAX_MESSAGE:
                raise ProtocolError("a frame's length is out of range", code="protocol.too_big")
            if len(buffer) - start - LENGTH < size:
                break
            frames.append(bytes(buffer[start + LENGTH : start + LENGTH + size]))
            start += LENGTH + size
        del buffer[:start]
        return frames
