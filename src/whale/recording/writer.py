"""Writes a recording. Everything here blocks, and belongs into a thread; one at a time.

What `write` has returned from is in the file, and what `sync` has returned from is on the disk. A server that was
killed is followed by one that calls `resume`, and hears from `position` where to go on.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from whale.model.errors import RecordingError
from whale.recording.chunk import (
    HEAD,
    LINES,
    MAGIC,
    ChunkReader,
    Head,
    Note,
    chunk_files,
    encode_record,
    file_name,
    hash_file,
)
from whale.recording.codec import SMALL, Opener, Sealer
from whale.recording.event import BYTES, KeyFrame, RecordedEvent, StreamSum
from whale.recording.header import Header, encode_header
from whale.recording.lines import LineDecoder, LineEncoder

MANY = 8
"""Records in a chunk from which on it is written anew as one when it is closed: small ones compress badly."""


class ClosedChunk(NamedTuple):
    """A file that nothing is added to any more."""

    number: int
    sha256: str
    size: int


class RecordingWriter:
    """One recording that is being made. The caller ends with `finish`, or with `close` to leave it to a later one.

    All methods raise `RecordingError` when the disk is full or something else is wrong with it; what they were to write
    is then not there, and may be written again.
    """

    def __init__(self, directory: Path, id: str, sealer: Sealer) -> None:
        self._directory = directory
        self._id = id
        self._sealer = sealer
        self._descriptor = -1
        self._end = 0
        """Where the next record goes."""
        self._lines: list[bytes] = []
        """Of the open chunk, where it can't be read again: what is encrypted."""
        self._records = 0
        """In the open chunk."""
        self._encoder = LineEncoder()
        self._previous = ""
        self.number = 0
        """Of the open chunk."""
        self.size_in_chunk = 0
        """Recorded bytes in the open chunk."""
        self.raw = 0
        """Recorded bytes in the whole recording."""
        self.stored = 0
        """Bytes of the closed chunks."""
        self.position: dict[str, int] = {}
        """What `write` was told last."""
        self.sums: tuple[StreamSum, ...] = ()
        """Likewise."""

    @classmethod
    def create(cls, directory: Path, header: Header, *, recipients: Sequence[str] = ()) -> "RecordingWriter":
        """Begin a recording in a directory that must not be there yet. `recipients` are public keys of age."""
        writer = cls(directory, header.whale.id, Sealer(recipients))
        with _translated():
            directory.mkdir(mode=0o700)
            writer._open_chunk()
            writer._append(encode_header(header))
        return writer

    @classmethod
    def resume(cls, directory: Path, *, recipients: Sequence[str] = ()) -> "RecordingWriter":
        """Go on with what a server left that was killed. What is not whole at its end is cut off."""
        with _translated():
            return _resumed(cls, directory, recipients)

    @property
    def at(self) -> int:
        """Milliseconds of the last event."""
        return self._encoder.at

    def write(
        self, events: Sequence[RecordedEvent], position: Mapping[str, int], sums: Sequence[StreamSum] = ()
    ) -> None:
        """Add events, all or none of them, and where the caller is with them, and what has gone through by then."""
        before = self._encoder.at
        try:
            with _translated():
                size = sum(len(event.data) for event in events if event.code in BYTES)
                self._append(self._encoder.encode(events), size, position, tuple(sums))
        except BaseException:
            self._encoder.at = before
            raise

    def opened(self) -> tuple[KeyFrame | None, list[RecordedEvent]]:
        """Return what the open chunk begins with, and its events; none where that can't be read again."""
        with _translated():
            lines = self._opened_lines().splitlines(keepends=True)
            decoder = LineDecoder()
            events = list(decoder.decode(line for line in lines if not line.startswith(b"{")))
            return decoder.key, events

    def sync(self) -> None:
        """Have it on the disk."""
        with _translated():
            os.fdatasync(self._descriptor)

    def begin_chunk(self, key: KeyFrame | None = None) -> ClosedChunk:
        """Close the open chunk and begin the next one, with what the terminal shows now."""
        with _translated():
            closed = self._close_chunk()
            self.number += 1
            self._open_chunk()
            if key is not None:
                self._append(self._encoder.key_frame(key._replace(at=self._encoder.at)))
            return closed

    def finish(self, sums: Sequence[StreamSum] = ()) -> ClosedChunk:
        """Close the recording; nothing follows."""
        with _translated():
            if lines := self._encoder.sums(sums):
                self._append(lines, sums=tuple(sums))
            return self._close_chunk()

    def close(self) -> None:
        """Let go of the file, as it is. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open_chunk(self) -> None:
        path = self._directory / file_name(self.number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        # Only when it is whole it has its name: there is no chunk without a head.
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        head = Head(self._id, self.number, self._encoder.at, self._previous, self._sealer.is_encrypting)
        data = MAGIC + encode_record(HEAD, head)
        descriptor = os.open(part, flags, 0o600)
        try:
            _write_all(descriptor, data, 0)
            part.rename(path)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._end = descriptor, len(data)
        self._lines, self._records, self.size_in_chunk = [], 0, 0

    def _append(
        self,
        lines: bytes,
        size: int = 0,
        position: Mapping[str, int] | None = None,
        sums: tuple[StreamSum, ...] = (),
    ) -> None:
        position, sums = self.position if position is None else position, sums or self.sums
        note = Note(self._encoder.at, size, position, sums)
        record = encode_record(LINES, note, self._sealer.seal(lines))
        _write_all(self._descriptor, record, self._end)
        self._end += len(record)
        self.position, self.sums = dict(position), sums
        self.size_in_chunk += size
        self.raw += size
        self._records += 1
        if self._sealer.is_encrypting:
            self._lines.append(lines)

    def _close_chunk(self) -> ClosedChunk:
        path = self._directory / file_name(self.number)
        if self._records >= MANY and (lines := self._opened_lines()):
            self._write_anew(path, lines)
        os.fdatasync(self._descriptor)
        self.close()
        _sync_directory(self._directory)
        self._previous = hash_file(path)
        self.stored += self._end
        return ClosedChunk(self.number, self._previous, self._end)

    def _opened_lines(self) -> bytes:
        """Return the lines of the open chunk; empty where an earlier server has encrypted some of them."""
        if self._sealer.is_encrypting:
            return b"".join(self._lines) if len(self._lines) == self._records else b""
        chunk, opener = ChunkReader(self._directory / file_name(self.number)), Opener()
        return b"".join(opener.open(record.body, is_encrypted=False) for record in chunk.records())

    def _write_anew(self, path: Path, lines: bytes) -> None:
        first = ChunkReader(path)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        note = Note(self._encoder.at, self.size_in_chunk, self.position, self.sums)
        data = (
            MAGIC + encode_record(HEAD, first.head) + encode_record(LINES, note, self._sealer.seal(lines, level=SMALL))
        )
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _write_all(descriptor, data, 0)
            os.fdatasync(descriptor)
            part.rename(path)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self._end = descriptor, len(data)


def _resumed(kind: type[RecordingWriter], directory: Path, recipients: Sequence[str]) -> RecordingWriter:
    files = chunk_files(directory)
    if not files:
        raise RecordingError("there is nothing left of the recording", code="recording.damaged")
    last = ChunkReader(files[-1])
    writer = kind(directory, last.head.recording, Sealer(recipients))
    if last.head.is_encrypted is not writer._sealer.is_encrypting:
        raise RecordingError("the recording was begun with other keys", detail="encrypted or not")
    writer.number, writer._previous = last.head.number, last.head.previous
    writer._encoder.at = last.head.start
    for path in files[:-1]:
        writer.stored += path.stat().st_size
        reader = ChunkReader(path)
        writer.raw += sum(reader.note(record).raw for record in reader.records())
    for record in last.records():
        note = last.note(record)
        writer._encoder.at = note.at
        writer.position, writer.sums = dict(note.position), tuple(note.sums)
        writer.size_in_chunk += note.raw
        writer.raw += note.raw
        writer._records += 1
    writer._end = last.end()
    writer._descriptor = os.open(files[-1], os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    os.ftruncate(writer._descriptor, writer._end)
    return writer


def _write_all(descriptor: int, data: bytes, at: int) -> None:
    """Write at a place, or leave nothing behind it."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.pwrite(descriptor, rest, at + len(data) - len(rest)) :]
    except OSError:
        os.ftruncate(descriptor, at)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _translated:
    """What the system refuses, in whale's words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, OSError):
            raise RecordingError("the recording can't be written", detail=str(error)) from error
