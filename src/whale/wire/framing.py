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
        self._error: ProtocolError | None = None

    @property
    def is_empty(self) -> bool:
        """True between two frames: a body that ends anywhere else was cut."""
        return not self._buffer

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, return the frames they complete.

        Raises `ProtocolError` for a length out of range. What was whole before that is returned first, and the error
        comes with the next call.
        """
        if self._error is not None:
            raise self._error
        buffer = self._buffer
        buffer += data
        frames: list[bytes] = []
        start = 0
        with memoryview(buffer) as view:
            while len(buffer) - start >= LENGTH:
                begin = start + LENGTH
                end = begin + int.from_bytes(view[start:begin], "big")
                if not begin < end <= begin + MAX_MESSAGE:
                    self._error = _length_error(end - begin)
                    break
                if len(buffer) < end:
                    break
                frames.append(bytes(view[begin:end]))
                start = end
        del buffer[:start]
        if self._error is not None and not frames:
            raise self._error
        return frames


def _length_error(size: int) -> ProtocolError:
    code = "protocol.too_big" if size else "protocol.violation"
    return ProtocolError("a frame's length is out of range", code=code)
