"""Writes a recording. Everything here blocks, and belongs into a thread; one at a time.

What `write` has returned from is in the file, and what `sync` has returned from is on the disk. A server that was
killed is followed by one that calls `resume`, and hears from `position` where to go on.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from whale.model.errors import RecordingError
from whale.model.limits import KIB
from whale.recording.chunk import (
    END,
    HEAD,
    LINES,
    MAGIC,
    ChunkReader,
    End,
    Head,
    Note,
    encode_record,
    file_name,
    hash_file,
)
from whale.recording.codec import Sealer
from whale.recording.disk import create_file, sync_directory, translated, write_all
from whale.recording.event import BYTES, KeyFrame, RecordedEvent, StreamSum
from whale.recording.header import Header, encode_header
from whale.recording.left import Left, look_at_left
from whale.recording.lines import LineDecoder, LineEncoder
from whale.recording.parts import Written, packed, read_again

MANY = 8
"""Records in a chunk from which on it is written anew when it is closed: small ones compress badly."""

SLOW = 64 * KIB
"""Recorded bytes in a second up to which it is: that takes 200 ms of processor time for a MiB. What is faster has no
small records."""


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
        self._records = 0
        self._written: list[Written] = []
        """The records of the open chunk where they can't be read again: what is encrypted."""
        self._is_listed = False
        """Whether the open chunk's name is on the disk."""
        self.is_finished = False
        """True when nothing may be written any more."""
        self._encoder = LineEncoder()
        self._previous = ""
        self.number = self.size_in_chunk = 0
        """Of the open chunk: its number, and recorded bytes."""
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
        writer._encoder.is_terminal = header.whale.tty
        with translated():
            directory.mkdir(mode=0o700)
            writer._open_chunk(encode_header(header))
        return writer

    @classmethod
    def resume(cls, directory: Path) -> "RecordingWriter":
        """Go on with what a server left that was killed. What is not whole at its end is cut off.

        It is encrypted to whom it was until then, whatever the settings say by now.

        Look at `is_finished`: then it was whole, and all that can be done is to call `finish` again.
        """
        with translated():
            left = look_at_left(directory)
            writer = cls(directory, left.head.recording, Sealer(left.head.recipients))
            try:
                writer._go_on(left)
            except BaseException:
                writer.close()
                raise
        return writer

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a key to read it."""
        return self._sealer.is_encrypting

    @property
    def at(self) -> int:
        """Milliseconds of the last event."""
        return self._encoder.at

    def write(
        self, events: Sequence[RecordedEvent], position: Mapping[str, int], sums: Sequence[StreamSum] = ()
    ) -> None:
        """Add events, all or none of them, and where the caller is with them, and what has gone through by then."""
        before = self._encoder.at
        self._check_open()
        try:
            with translated():
                size = sum(len(event.data) for event in events if event.code in BYTES)
                lines = self._encoder.encode(events)
                self._append(lines, Note(self._encoder.at, size, dict(position), tuple(sums) or self.sums))
        except BaseException:
            self._encoder.at = before
            raise

    def opened(self) -> tuple[KeyFrame | None, list[RecordedEvent]]:
        """Return what the open chunk begins with, and its events; none where that can't be read again."""
        with translated():
            lines = [line for each in self._read_again() for line in each.lines.splitlines(keepends=True)]
            decoder = LineDecoder()
            events = list(decoder.decode(line for line in lines if not line.startswith(b"{")))
            return decoder.key, events

    def sync(self) -> None:
        """Have it on the disk."""
        with translated():
            os.fdatasync(self._descriptor)
            if not self._is_listed:
                sync_directory(self._directory)
                self._is_listed = True

    def begin_chunk(self, key: KeyFrame | None = None) -> ClosedChunk:
        """Close the open chunk and begin the next one, with what the terminal shows now.

        After an error it may be called again, and before that `write` as well.
        """
        self._check_open()
        with translated():
            closed = self._close_chunk()
            try:
                self._next_chunk(closed, key)
            except BaseException:
                os.ftruncate(self._descriptor, self._end)  # it has no end yet
                raise
            return closed

    def finish(self, sums: Sequence[StreamSum] = ()) -> ClosedChunk:
        """Close the recording; nothing follows. Where it was finished already, nothing changes."""
        with translated():
            if self.is_finished:
                path = self._directory / file_name(self.number)
                return ClosedChunk(self.number, hash_file(path), path.stat().st_size)
            if lines := self._encoder.sums(sums):
                self._append(lines, Note(self._encoder.at, 0, self.position, tuple(sums)))
            closed = self._close_chunk(is_last=True)
            self.is_finished = True
            self.stored += closed.size
            self.close()
            return closed

    def close(self) -> None:
        """Let go of the file, as it is. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _go_on(self, left: Left) -> None:
        """Go on in the last file behind what is whole, or in a next one where it has its end."""
        self.number, self._previous = left.head.number, left.head.previous
        self.stored, self.raw = left.stored, left.raw
        self._encoder.at, self._encoder.is_terminal = left.head.start, left.head.is_terminal
        self.position, self.sums = dict(left.head.position), tuple(left.head.sums)
        for note in left.notes:
            self._encoder.at = note.at
            self._count(Written(note, b""))
        self._written.clear()
        self._end, end = left.ending.size, left.ending.end
        if end is not None and end.is_last:
            self.is_finished = True
            self.stored += self._end
            return
        self._descriptor = os.open(left.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.ftruncate(self._descriptor, self._end)
        if end is not None:
            self._next_chunk(ClosedChunk(self.number, hash_file(left.path), self._end))

    def _check_open(self) -> None:
        if self.is_finished:
            raise RecordingError("the recording is finished")

    def _next_chunk(self, closed: ClosedChunk, key: KeyFrame | None = None) -> None:
        before = self.number, self._previous
        self.number, self._previous = closed.number + 1, closed.sha256
        try:
            lines = self._encoder.key_frame(key._replace(at=self._encoder.at)) if key is not None else b""
            self._open_chunk(lines)
        except BaseException:
            self.number, self._previous = before
            raise
        self.stored += closed.size

    def _open_chunk(self, lines: bytes) -> None:
        """Make a file with a head and first lines: it has its name when it is whole, and all is as before till then."""
        coder, note = self._encoder, Note(self._encoder.at, 0, self.position, self.sums)
        head = Head(
            *(self._id, self.number, coder.at, self._previous, self._sealer.recipients, coder.is_terminal),
            *(self.position, self.sums),
        )
        data = MAGIC + encode_record(HEAD, head)
        if lines:
            data += encode_record(LINES, note, self._sealer.seal(lines))
        descriptor = create_file(self._directory / file_name(self.number), data)
        self.close()
        self._descriptor, self._end, self._is_listed = descriptor, len(data), False
        self._written, self._records, self.size_in_chunk = [], 0, 0
        if lines:
            self._count(Written(note, lines))

    def _append(self, lines: bytes, note: Note) -> None:
        record = encode_record(LINES, note, self._sealer.seal(lines))
        write_all(self._descriptor, record, self._end)
        self._end += len(record)
        self._count(Written(note, lines))

    def _count(self, written: Written) -> None:
        note = written.note
        self.position, self.sums = dict(note.position), tuple(note.sums)
        self.size_in_chunk += note.raw
        self.raw += note.raw
        self._records += 1
        if self._sealer.is_encrypting:
            self._written.append(written)

    def _close_chunk(self, *, is_last: bool = False) -> ClosedChunk:
        """Write the end, or the whole chunk anew with its end."""
        path = self._directory / file_name(self.number)
        end = encode_record(END, End(self._encoder.at, is_last))
        size = self._end + len(end)
        head = ChunkReader(path).head
        is_slow = self.size_in_chunk * 1000 <= SLOW * (self._encoder.at - head.start)
        if is_slow and self._records >= MANY and (written := self._read_again()):
            data = b"".join((MAGIC, encode_record(HEAD, head), *packed(written, self._sealer)))
            descriptor = create_file(path, data + end, is_synced=True)
            self.close()
            self._descriptor, self._end, size = descriptor, len(data), len(data) + len(end)
        else:
            write_all(self._descriptor, end, self._end)
            os.fdatasync(self._descriptor)
        sync_directory(self._directory)
        return ClosedChunk(self.number, hash_file(path), size)

    def _read_again(self) -> list[Written]:
        """Return what the open chunk has; nothing where an earlier server has encrypted some of it."""
        if self._sealer.is_encrypting:
            return self._written if len(self._written) == self._records else []
        return read_again(self._directory / file_name(self.number))
