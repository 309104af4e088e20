"""One file of a recording: a head, and records that are added to its end. docs/recording-format.md shows the bytes.

A record is whole or not there: whatever a crash left of the last one is told by its length and sum, and cut off. Each
head has the hash of the file before, so that the hash of the last one stands for all. What is read may be damaged, or
made by somebody: nothing here uses more memory than one record may have, or reads what is no plain file.
"""

import hashlib
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from whale.model.errors import RecordingError
from whale.model.limits import KIB, MIB
from whale.recording.event import StreamSum

MAGIC: Final = b"whale\x00r\x01"
HEAD, LINES, MORE, END = range(4)
"""Kinds of records: how a chunk begins; lines; lines whose compression goes on from the record before; how it ends."""

_RECORD: Final = struct.Struct("<BxHII")
"""Kind, length of the note, length of the body, CRC-32 of note and body."""

MAX_BODY: Final = 33 * MIB
"""Bytes of a record's body: MAX_PLAIN of the codec, which compression makes no larger, and encryption by little."""

MAX_NOTE: Final = 64 * KIB - 1
"""Bytes of a note: what its length can say."""

CHUNK: Final = ".chunk"
"""How the names of the files end."""

_T = TypeVar("_T")
_NAME: Final = re.compile(rf"([0-9]{{6,9}}){re.escape(CHUNK)}")


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk begins with."""

    recording: str
    number: int
    start: int
    """Milliseconds of the last event before it, since the recording began."""
    previous: str = ""
    """SHA-256 of the file before it."""
    recipients: Sequence[str] = ()
    """Public keys of age that it is encrypted to, so that who goes on with it needs no settings; none if it is not."""
    is_terminal: bool = True
    position: Mapping[str, int] = {}
    """See `Note`: of the last record before it."""
    sums: Sequence[StreamSum] = ()
    """Likewise."""

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a key to read it."""
        return bool(self.recipients)


class End(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk ends with to which nothing is added any more."""

    at: int
    """Milliseconds of the last event."""
    is_last: bool = False
    """Whether no other chunk follows: the recording is finished."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a record without opening it."""

    at: int
    """Milliseconds of its last event."""
    raw: int = 0
    """Bytes that were recorded with it."""
    position: Mapping[str, int] = {}
    """Where who writes the recording was then, in its own words."""
    sums: Sequence[StreamSum] = ()
    """Of a command without a terminal: what has gone through by then."""


class Record(NamedTuple):
    """One record, and where it ends in the file."""

    kind: int
    note: bytes
    body: bytes
    end: int


class Ending(NamedTuple):
    """Where a file ends, and how."""

    size: int
    """Bytes up to the end of its last whole record."""
    records: int
    """Whole ones, the head among them."""
    end: End | None
    """None where more may be added, or something is missing."""


def encode_record(kind: int, note: msgspec.Struct, body: bytes = b"") -> bytes:
    """Make the bytes of a record. Raises `RecordingError` for one that nobody would read."""
    said = msgspec.json.encode(note)
    if len(said) > MAX_NOTE or len(body) > MAX_BODY:
        raise RecordingError("a record is too large", detail=f"{len(said)} and {len(body)} bytes")
    return _RECORD.pack(kind, len(said), len(body), zlib.crc32(body, zlib.crc32(said))) + said + body


def file_name(number: int) -> str:
    """Name a chunk's file."""
    return f"{number:06}{CHUNK}"


def chunk_files(directory: Path) -> list[Path]:
    """List the files of a recording, in order. Raises `RecordingError` when one is missing."""
    try:
        named = {int(fits[1]): path for path in directory.iterdir() if (fits := _NAME.fullmatch(path.name))}
    except FileNotFoundError as error:
        raise RecordingError("no such recording", code="recording.not_found") from error
    except OSError as error:
        raise RecordingError("the recording can't be read", detail=str(error)) from error
    files = [directory / file_name(number) for number in range(len(named))]
    if any(named.get(number) != path for number, path in enumerate(files)):
        raise RecordingError("a part of the recording is missing", code="recording.damaged")
    return files


def open_file(path: Path) -> BufferedReader:
    """Open a file of a recording to read it, and nothing else that may have its name. Raises `OSError`."""
    return open(path, "rb", opener=_open_plain)


def _open_plain(path: str, flags: int) -> int:
    # A pipe of that name would be waited for, were it not for O_NONBLOCK.
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("this is no file")
    return descriptor


class ChunkReader:
    """Reads one file. Holds one record of it at a time."""

    def __init__(self, path: Path) -> None:
        """Read the head. Raises `RecordingError`."""
        self.path = path
        first = next(self._read(), None)
        if first is None or first.kind != HEAD:
            raise damaged(path, "it has no head")
        self.head = _decoded(first.note, Head, path)

    def records(self) -> Iterator[Record]:
        """Yield the records with lines, up to the end or to what is not whole."""
        for record in self._read():
            if record.kind in (LINES, MORE):
                yield record

    def ending(self) -> Ending:
        """Look for the end."""
        size, count, end = 0, 0, None
        for record in self._read():
            size, count = record.end, count + 1
            if record.kind == END:
                end = _decoded(record.note, End, self.path)
        return Ending(size, count, end)

    def note(self, record: Record) -> Note:
        """Read a record's note."""
        return _decoded(record.note, Note, self.path)

    def _read(self) -> Iterator[Record]:
        try:
            with open_file(self.path) as file:
                if file.read(len(MAGIC)) != MAGIC:
                    return
                at = len(MAGIC)
                while len(head := file.read(_RECORD.size)) == _RECORD.size:
                    kind, note_size, body_size, crc = _RECORD.unpack(head)
                    if body_size > MAX_BODY:
                        return
                    note, body = file.read(note_size), file.read(body_size)
                    if len(body) < body_size or zlib.crc32(body, zlib.crc32(note)) != crc:
                        return
                    at += _RECORD.size + note_size + body_size
                    yield Record(kind, note, body, at)
                    if kind == END:
                        return
        except OSError as error:
            raise RecordingError("the recording can't be read", detail=str(error)) from error


def is_begun(path: Path) -> bool:
    """Tell whether a file has its head: a crash of the machine may leave one without."""
    try:
        ChunkReader(path)
    except RecordingError as error:
        if error.code == "recording.damaged":
            return False
        raise
    return True


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises `RecordingError`."""
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RecordingError("the recording can't be read", detail=str(error)) from error


def damaged(path: Path, why: str) -> RecordingError:
    """Make the error that says where a recording is not as it was written."""
    message = "the recording is not as it was written"
    return RecordingError(message, code="recording.damaged", detail=f"{path.name}: {why}")


def _decoded(data: bytes, kind: type[_T], path: Path) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise damaged(path, str(error)) from error
