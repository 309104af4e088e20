"""The memory of one session, in a file that exists only as a descriptor: whoever has that has the session.

    header      what was written last: ends of the logs, which slots count
    notes       the exec's own, for whoever adopts it
    records     two slots: what is known of the session, as JSON
    snapshots   two slots: a terminal's picture at some offset of its output
    journal     of a session that is recorded: what else happened, and when
    logs        a ring for each output stream

Only a process may die here and not the machine, so that plain stores, in the order of the program, are enough: a slot
is written before the byte that says that it counts. Nothing is touched that is not used; so a session that writes
little needs few pages.
"""

import mmap
import os
import struct
from typing import NamedTuple

from whale.engine.seam import NOTES_SIZE
from whale.model.errors import SessionError
from whale.model.limits import KIB, MAX_PIECE, MAX_RECORD, MAX_SNAPSHOT, MIN_LOG
from whale.session.journal import SIZE as JOURNAL_SIZE
from whale.session.journal import Journal

PAGE = 4 * KIB

_MAGIC = b"whale\x00\x00\x02"
_FIXED = struct.Struct("<8sQQ??")
"""Magic with the version of the layout, then the sizes of the two logs, and what else there is."""
_STARTS = 64
_RECORD_SLOT, _SNAPSHOT_SLOT = 128, 192
_BLAMED = 256
"""Where it is noted how often making a picture has failed; 0 in memory of a server that knew nothing of this."""
_TOO_OFTEN = 2
_LENGTHS = struct.Struct("<QQ")
"""For each slot: length, and the offset that a snapshot is of."""


def layout(window: int, *, tty: bool, is_recorded: bool = False) -> "Layout":
    """What a session needs whose clients let so much of a stream be unacknowledged."""
    room = max(MIN_LOG, window) + MAX_PIECE
    # A terminal has one output, and keeps what clients have: for those that come back later, and for its picture.
    return Layout((2 * room, PAGE) if tty else (room + MAX_PIECE, room + MAX_PIECE), tty, is_recorded)


class Layout(NamedTuple):
    """What a session's memory has room for."""

    logs: tuple[int, int]
    """Sizes of the logs in bytes."""
    is_terminal: bool
    """Whether there are pictures."""
    is_recorded: bool = False
    """Whether there is a journal."""

    @property
    def journal_at(self) -> int:
        """Where the journal is."""
        return PAGE + NOTES_SIZE + 2 * MAX_RECORD + (2 * MAX_SNAPSHOT if self.is_terminal else 0)

    @property
    def logs_at(self) -> int:
        """Where the logs are: on pages of their own, which can be given back."""
        return self.journal_at + (-(-JOURNAL_SIZE // PAGE) * PAGE if self.is_recorded else 0)

    @property
    def whole(self) -> int:
        """Size of it all."""
        return self.logs_at + sum(self.logs)


class Snapshot(NamedTuple):
    """A terminal's picture: bytes that bring an emulator there, and how much output they stand for."""

    offset: int
    data: bytes


class SessionMemory:
    """Made by `create`, or by `adopt` from a descriptor that an earlier process left. Must be closed."""

    def __init__(self, descriptor: int, layout: Layout) -> None:
        self.descriptor = descriptor
        """Of the file; -1 for memory that nobody else can have."""
        self._snapshot_at = PAGE + NOTES_SIZE + 2 * MAX_RECORD
        logs_at = self._logs_at = layout.logs_at
        sizes = layout.logs
        self._map = mmap.mmap(descriptor, layout.whole)
        self._view = memoryview(self._map)
        starts = self._view[_STARTS : _STARTS + 16].cast("Q")
        self.starts = (starts[:1], starts[1:])
        """Where each log notes its start."""
        self.notes = self._view[PAGE : PAGE + NOTES_SIZE]
        self.logs = (
            self._view[logs_at : logs_at + sizes[0]],
            self._view[logs_at + sizes[0] : logs_at + sum(sizes)],
        )
        journal_at = layout.journal_at
        self.journal = Journal(self._view[journal_at : journal_at + JOURNAL_SIZE]) if layout.is_recorded else None
        """Of a session that is recorded."""

    @classmethod
    def create(cls, layout: Layout, *, shared: bool) -> "SessionMemory":
        """Make the memory of a new session; `shared` gives it a descriptor."""
        descriptor = os.memfd_create("whale-session", os.MFD_CLOEXEC) if shared else -1
        try:
            if shared:
                os.ftruncate(descriptor, layout.whole)
            made = cls(descriptor, layout)
        except BaseException:
            if shared:
                os.close(descriptor)
            raise
        made._view[: _FIXED.size] = _FIXED.pack(_MAGIC, *layout.logs, layout.is_terminal, layout.is_recorded)
        return made

    @classmethod
    def adopt(cls, descriptor: int) -> "SessionMemory":
        """Take over what an earlier process left; owns the descriptor. Raises `SessionError` for anything else."""
        head = os.pread(descriptor, _FIXED.size, 0)
        if len(head) < _FIXED.size or not head.startswith(_MAGIC):
            raise SessionError("this is not a session's memory, or one of another version")
        _, stdout, stderr, is_terminal, is_recorded = _FIXED.unpack(head)
        layout = Layout((stdout, stderr), is_terminal, is_recorded)
        if os.fstat(descriptor).st_size != layout.whole:
            raise SessionError("a session's memory is not whole")
        return cls(descriptor, layout)

    def write_record(self, record: bytes) -> bool:
        """Replace the record at one stroke. False, and nothing is changed, for one that is too long."""
        return self._write_slot(_RECORD_SLOT, PAGE + NOTES_SIZE, MAX_RECORD, record, 0)

    def read_record(self) -> bytes:
        """Return the last record; empty when there is none."""
        return self._read_slot(_RECORD_SLOT, PAGE + NOTES_SIZE, MAX_RECORD)[1]

    def write_snapshot(self, snapshot: Snapshot) -> bool:
        """Replace the snapshot at one stroke. False, and nothing is changed, for one that is too long."""
        if not self.is_picture_given_up:
            self._view[_BLAMED] = 0  # what took too long is behind it
        return self._write_slot(_SNAPSHOT_SLOT, self._snapshot_at, MAX_SNAPSHOT, snapshot.data, snapshot.offset)

    def read_snapshot(self) -> Snapshot:
        """Return the last snapshot; that of nothing at offset 0 when there is none."""
        return Snapshot(*self._read_slot(_SNAPSHOT_SLOT, self._snapshot_at, MAX_SNAPSHOT))

    def read_snapshot_offset(self) -> int:
        """Return the offset of the last snapshot."""
        slot = self._view[_SNAPSHOT_SLOT]
        return int(_LENGTHS.unpack_from(self._view, _SNAPSHOT_SLOT + 16 + slot * _LENGTHS.size)[1])

    @property
    def is_picture_given_up(self) -> bool:
        """True when no picture is to be made of this session's output."""
        return self._view[_BLAMED] >= _TOO_OFTEN

    def blame_picture(self, is_fault: bool) -> None:
        """Note, for later servers too, that making a picture of this output ended the emulator, or took too long.

        After a fault no picture is made of it any more, and after two that took too long with no snapshot between them.
        """
        self._view[_BLAMED] = _TOO_OFTEN if is_fault else min(_TOO_OFTEN, self._view[_BLAMED] + 1)

    def give_back(self, number: int, *, start: int, end: int) -> None:
        """Give back the pages of a log that have nothing of its output between these offsets."""
        size = len(self.logs[number])
        begin = self._logs_at + number * len(self.logs[0])
        used, free = end % size, size - (end - start)
        for first, last in ((used, min(used + free, size)), (0, used + free - size)):
            first_page, last_page = -(-(begin + first) // mmap.PAGESIZE), (begin + last) // mmap.PAGESIZE
            if first_page < last_page:
                pages = last_page - first_page
                self._map.madvise(mmap.MADV_REMOVE, first_page * mmap.PAGESIZE, pages * mmap.PAGESIZE)

    @property
    def size(self) -> int:
        """Bytes of the whole, used or not."""
        return len(self._map)

    @property
    def picture_size(self) -> int:
        """Bytes of the last snapshot."""
        slot = self._view[_SNAPSHOT_SLOT]
        length, _ = _LENGTHS.unpack_from(self._view, _SNAPSHOT_SLOT + 16 + slot * _LENGTHS.size)
        return int(length)

    def close(self) -> None:
        """Let go of memory and descriptor. Idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _write_slot(self, at: int, data_at: int, room: int, data: bytes, offset: int) -> bool:
        if len(data) > room:
            return False
        slot = 1 - self._view[at]
        begin = data_at + slot * room
        self._view[begin : begin + len(data)] = data
        _LENGTHS.pack_into(self._view, at + 16 + slot * _LENGTHS.size, len(data), offset)
        self._view[at] = slot  # one byte: from here on it counts
        return True

    def _read_slot(self, at: int, data_at: int, room: int) -> tuple[int, bytes]:
        slot = self._view[at]
        length, offset = _LENGTHS.unpack_from(self._view, at + 16 + slot * _LENGTHS.size)
        begin = data_at + slot * room
        if slot > 1 or length > room:
            raise SessionError("a session's memory is not whole")
        return offset, bytes(self._view[begin : begin + length])
