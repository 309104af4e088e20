"""Reads the lines of a recording from some moment on, and those that are added meanwhile. Everything here blocks.

An open chunk grows, and is written anew as a whole when it is closed. Its lines stay what they are, so who reads knows
by their number where it is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from whale.recording.chunk import ChunkReader, is_begun
from whale.recording.contents import Contents
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.lines import LineEncoder
from whale.recording.stored import StoredParts

_NOTHING: Final = (-1, 0, 0)


class TailReader:
    """One reading of one recording. `read` until it returns nothing, and again when there may be more."""

    def __init__(
        self, directory: Path, *, at: int = 0, identities: Sequence[str] = (), stored: StoredParts | None = None
    ) -> None:
        """Begin at the last key frame up to a moment in milliseconds. `stored` brings parts that are elsewhere.

        Raises `RecordingError`.
        """
        self._contents = Contents(directory, identities, stored=stored)
        self._contents.count()
        self._number, frame = self._contents.frame(at) if at else (0, None)
        self._ahead = b""
        if frame is not None:
            self._ahead = next(self._contents.lines(self._contents.chunk(0)), b"") + _shown(frame)
        self._given = 0
        """Lines of the chunk that were handed out."""
        self._lines: Iterator[bytes] = iter(())
        self._is_closed = False
        """Whether nothing was added to the chunk any more when its lines were begun to be read."""
        self._seen = _NOTHING
        """The chunk as it was then."""

    def read(self, size: int) -> bytes:
        """Return whole lines, about that many bytes; nothing when there are no more for now.

        Raises `RecordingError`.
        """
        out = bytearray(self._ahead)
        self._ahead = b""
        while len(out) < size:
            line = next(self._lines, None)
            if line is not None:
                self._given += 1
                out += line
            elif self._is_closed:
                self._number, self._given, self._is_closed, self._seen = self._number + 1, 0, False, _NOTHING
            elif not self._look():
                break
        return bytes(out)

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._lines = iter(())

    def _look(self) -> bool:
        """Begin the chunk anew behind what was handed out of it; False where nothing has changed."""
        # In this order: the next one is begun when this one is whole.
        is_closed = self._contents.has(self._number + 1)
        if not self._contents.has(self._number):
            return False
        path = self._contents.path(self._number)
        if self._number and not is_begun(path):
            return False
        status = path.stat()
        now = (status.st_size, status.st_ino, status.st_mtime_ns)
        if now == self._seen and not is_closed:
            return False
        self._is_closed, self._seen = is_closed, now
        self._lines = self._unread(self._contents.chunk(self._number))
        return True

    def _unread(self, chunk: ChunkReader) -> Iterator[bytes]:
        for number, line in enumerate(self._contents.lines(chunk), 1):
            if number > self._given:
                yield line


def _shown(frame: KeyFrame) -> bytes:
    """The lines that bring any player to a key frame: what follows it counts from there."""
    size = f"{frame.cols}x{frame.rows}".encode()
    return LineEncoder().encode(
        [RecordedEvent(frame.at, Code.RESIZE, size), RecordedEvent(frame.at, Code.OUTPUT, frame.paint)]
    )
