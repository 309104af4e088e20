"""Reads the lines of a recording from some moment on, and those that are added meanwhile. Everything here blocks.

An open chunk grows, and is written anew as a whole when it is closed. Its lines stay what they are, so who reads knows
by their number where it is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from whale.model.errors import RecordingError
from whale.recording.chunk import ChunkReader, chunk_files, damaged, file_name
from whale.recording.codec import Opener
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.lines import OWN, LineDecoder, LineEncoder


class TailReader:
    """One reading of one recording. `read` until it returns nothing, and again when there may be more."""

    def __init__(self, directory: Path, *, at: int = 0, identities: Sequence[str] = ()) -> None:
        """Begin at the last key frame up to a moment in milliseconds. Raises `RecordingError`."""
        self._directory = directory
        self._opener = Opener(identities)
        files = chunk_files(directory)
        if not files:
            raise RecordingError("no such recording", code="recording.not_found")
        self._number, frame = self._begin(len(files), at) if at else (0, None)
        self._ahead = b""
        if frame is not None:
            self._ahead = next(self._lines_of(ChunkReader(self._path(0))), b"") + _shown(frame)
        self._given = 0
        """Lines of the chunk that were handed out."""
        self._lines: Iterator[bytes] = iter(())
        self._is_closed = False
        """Whether nothing was added to the chunk any more when its lines were begun to be read."""
        self._seen = -1

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
                self._number, self._given, self._is_closed, self._seen = self._number + 1, 0, False, -1
            elif not self._look():
                break
        return bytes(out)

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._lines = iter(())

    def _look(self) -> bool:
        """Begin the chunk anew behind what was handed out of it; False where nothing has changed."""
        # In this order: the next one is begun when this one is whole.
        is_closed = self._path(self._number + 1).exists()
        path = self._path(self._number)
        if not path.exists():
            return False
        size = path.stat().st_size
        if size == self._seen and not is_closed:
            return False
        self._is_closed, self._seen = is_closed, size
        self._lines = self._unread(ChunkReader(path))
        return True

    def _unread(self, chunk: ChunkReader) -> Iterator[bytes]:
        for number, line in enumerate(self._lines_of(chunk), 1):
            if number > self._given:
                yield line

    def _begin(self, count: int, at: int) -> tuple[int, KeyFrame | None]:
        """Find the last chunk that begins up to a moment with a key frame; without any it is the first."""
        first, behind = 0, count
        while behind - first > 1:
            middle = (first + behind) // 2
            first, behind = (middle, behind) if ChunkReader(self._path(middle)).head.start <= at else (first, middle)
        for number in range(first, 0, -1):
            chunk = ChunkReader(self._path(number))
            decoder = LineDecoder(at=chunk.head.start)
            line = next(self._lines_of(chunk), b"")
            if line.startswith(OWN):
                list(decoder.decode([line]))
            if decoder.key is not None:
                return number, decoder.key
        return 0, None

    def _lines_of(self, chunk: ChunkReader) -> Iterator[bytes]:
        for record in chunk.records():
            lines = self._opener.open(record.body, is_encrypted=chunk.head.is_encrypted)
            if not lines.endswith(b"\n"):
                raise damaged(chunk.path, "a record with half a line")
            yield from lines.splitlines(keepends=True)

    def _path(self, number: int) -> Path:
        return self._directory / file_name(number)


def _shown(frame: KeyFrame) -> bytes:
    """The lines that bring any player to a key frame: what follows it counts from there."""
    size = f"{frame.cols}x{frame.rows}".encode()
    return LineEncoder().encode(
        [RecordedEvent(frame.at, Code.RESIZE, size), RecordedEvent(frame.at, Code.OUTPUT, frame.paint)]
    )
