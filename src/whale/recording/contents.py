"""The chunks of one recording, in its directory or brought there, and the lines in them. Everything here blocks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from whale.model.errors import RecordingError
from whale.recording.chunk import MORE, ChunkReader, chunk_files, file_name, is_begun
from whale.recording.codec import Opener
from whale.recording.event import KeyFrame
from whale.recording.lines import OWN, LineDecoder
from whale.recording.stored import StoredParts


class Contents:
    """One recording. All methods raise `RecordingError` for one that is damaged, or can't be read here."""

    def __init__(self, directory: Path, identities: Sequence[str] = (), *, stored: StoredParts | None = None) -> None:
        """`identities` are secret keys of age; `stored` brings parts that are elsewhere."""
        self._directory = directory
        self._stored = stored
        self._opener = Opener(identities)

    def count(self) -> int:
        """Return how many chunks there are. A last one that a crash has left without its head is none."""
        if self._stored is not None and (manifest := self._stored.manifest()) is not None:
            return len(manifest.parts)
        files = chunk_files(self._directory)
        if len(files) > 1 and not is_begun(files[-1]):
            files.pop()
        if not files:
            raise RecordingError("no such recording", code="recording.not_found")
        return len(files)

    def path(self, number: int) -> Path:
        """The file of a chunk, which is there if the recording has such a one."""
        if self._stored is not None:
            self._stored.bring(number)
        return self._directory / file_name(number)

    def has(self, number: int) -> bool:
        """Tell whether there is such a chunk, here or elsewhere."""
        return (self._directory / file_name(number)).exists() or (
            self._stored is not None
            and (manifest := self._stored.manifest()) is not None
            and number < len(manifest.parts)
        )

    def start(self, number: int) -> int:
        """Milliseconds at which a chunk begins."""
        if self._stored is not None and (manifest := self._stored.manifest()) is not None:
            return manifest.parts[number].start
        return self.chunk(number).head.start

    def chunk(self, number: int) -> ChunkReader:
        """Open a chunk."""
        return ChunkReader(self.path(number))

    def lines(self, chunk: ChunkReader) -> Iterator[bytes]:
        """Yield its lines, with their ends. There may be many in little memory, so they are not made all at once."""
        opener = self._opener.lines(is_encrypted=chunk.head.is_encrypted)
        for record in chunk.records():
            lines = opener.open(record.body, is_more=record.kind == MORE)
            start = 0
            while start < len(lines):
                end = lines.index(b"\n", start) + 1
                yield lines[start:end]
                start = end

    def find(self, at: int) -> int:
        """Find the last chunk that begins at or before a moment, in milliseconds."""
        first, behind = 0, self.count()
        while behind - first > 1:
            middle = (first + behind) // 2
            first, behind = (middle, behind) if self.start(middle) <= at else (first, middle)
        return first

    def frame(self, at: int) -> tuple[int, KeyFrame | None]:
        """Find the last key frame up to a moment, and the chunk that begins with it; without any, the first chunk."""
        for number in range(self.find(at), 0, -1):
            chunk = self.chunk(number)
            decoder = LineDecoder(at=chunk.head.start)
            line = next(self.lines(chunk), b"")
            if line.startswith(OWN):
                list(decoder.decode([line]))
            if decoder.key is not None:
                return number, decoder.key
        return 0, None
