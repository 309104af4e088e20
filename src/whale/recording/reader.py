"""Reads a recording, whole or from some moment on, also one that is still made. Everything here blocks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from whale.model.errors import RecordingError
from whale.recording.chunk import ChunkReader, chunk_files, damaged
from whale.recording.codec import Opener
from whale.recording.event import KeyFrame, RecordedEvent, StreamSum
from whale.recording.header import Header, decode_header
from whale.recording.lines import OWN, LineDecoder


class RecordingReader:
    """One recording. All methods raise `RecordingError` for one that is damaged, or can't be read here."""

    def __init__(self, directory: Path, *, identities: Sequence[str] = ()) -> None:
        """`identities` are secret keys of age."""
        self._directory = directory
        self._opener = Opener(identities)

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a key."""
        return ChunkReader(self._files()[0]).head.is_encrypted

    def header(self) -> Header:
        """Read the first line."""
        first = next(self._lines(ChunkReader(self._files()[0])), b"")
        return decode_header(first)

    def duration(self) -> int:
        """Milliseconds up to its last event. Takes no key."""
        last = ChunkReader(self._files()[-1])
        return max([last.head.start, *(last.note(record).at for record in last.records())])

    def lines(self) -> Iterator[bytes]:
        """Yield all lines of the asciicast, with their ends, the header first."""
        for path in self._files():
            yield from self._lines(ChunkReader(path))

    def frame(self, at: int) -> KeyFrame | None:
        """Find the last key frame up to a moment; None for the beginning."""
        found = self._chunk(at)
        decoder = LineDecoder(at=found.head.start)
        first = next(self._lines(found), b"")
        if first.startswith(OWN):
            list(decoder.decode([first]))
        return decoder.key

    def events(self, at: int = 0) -> Iterator[RecordedEvent]:
        """Yield the events from the chunk on in which a moment lies: those that follow `frame`."""
        first = self._chunk(at) if at else ChunkReader(self._files()[0])
        decoder = LineDecoder(at=first.head.start)
        yield from decoder.decode(self._from(first.head.number))

    def sums(self) -> list[StreamSum]:
        """Return what is known of the streams of a command without a terminal. Takes no key."""
        last = ChunkReader(self._files()[-1])
        found: Sequence[StreamSum] = ()
        for record in last.records():
            found = last.note(record).sums
        return list(found)

    def _files(self) -> list[Path]:
        files = chunk_files(self._directory)
        if not files:
            raise RecordingError("no such recording", code="recording.not_found")
        return files

    def _from(self, number: int) -> Iterator[bytes]:
        for path in self._files()[number:]:
            for line in self._lines(ChunkReader(path)):
                if not line.startswith(b"{"):
                    yield line

    def _chunk(self, at: int) -> ChunkReader:
        """Find the last chunk that begins at or before a moment."""
        files = self._files()
        first, behind = 0, len(files)
        while behind - first > 1:
            middle = (first + behind) // 2
            if ChunkReader(files[middle]).head.start <= at:
                first = middle
            else:
                behind = middle
        return ChunkReader(files[first])

    def _lines(self, chunk: ChunkReader) -> Iterator[bytes]:
        for record in chunk.records():
            lines = self._opener.open(record.body, is_encrypted=chunk.head.is_encrypted)
            if not lines.endswith(b"\n"):
                raise damaged(chunk.path, "a record with half a line")
            yield from lines.splitlines(keepends=True)
