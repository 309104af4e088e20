"""Records of a chunk that is closed: few large ones in the place of many small ones, which compress badly."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from whale.model.limits import KIB
from whale.recording.chunk import LINES, MORE, ChunkReader, Note, encode_record
from whale.recording.codec import Opener, Sealer

PART: Final = 32 * KIB
"""Bytes of lines in a record: what a reader holds at once, and what a byte costs that is damaged."""


class Written(NamedTuple):
    """What is in one record."""

    note: Note
    lines: bytes


def joined(written: Iterable[Written]) -> Iterator[Written]:
    """Join records to larger ones. The header stays alone: a recording that has it can be read."""
    lines, raw, note = bytearray(), 0, None
    for each in written:
        lines += each.lines
        raw, note = raw + each.note.raw, each.note
        if len(lines) >= PART or lines.startswith(b"{"):
            yield Written(msgspec.structs.replace(note, raw=raw), bytes(lines))
            lines, raw, note = bytearray(), 0, None
    if note is not None:
        yield Written(msgspec.structs.replace(note, raw=raw), bytes(lines))


def packed(written: Iterable[Written], sealer: Sealer) -> Iterator[bytes]:
    """Yield the larger records: each is compressed with the help of those before it."""
    parts = list(joined(written))
    bodies = sealer.seal_all(part.lines for part in parts)
    for number, (part, body) in enumerate(zip(parts, bodies, strict=True)):
        yield encode_record(MORE if number else LINES, part.note, body)


def read_again(path: Path) -> list[Written]:
    """Read the records of a chunk that is not encrypted. Raises `RecordingError`."""
    chunk, opener = ChunkReader(path), Opener().lines(is_encrypted=False)
    return [
        Written(chunk.note(record), opener.open(record.body, is_more=record.kind == MORE)) for record in chunk.records()
    ]
