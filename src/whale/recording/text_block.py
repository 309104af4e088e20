"""Lines of text in compressed blocks, as the index has them beside it. Pure."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from whale.model.errors import RecordingError
from whale.model.limits import KIB, MIB
from whale.recording.search_query import SearchQuery
from whale.recording.text import LineKind, SpokenLine

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

BLOCK: Final = 64 * KIB
"""Characters of a block: larger ones make a smaller index, and more to look through for each hit."""

_MOST: Final = 8 * MIB
_LEVEL: Final = 6
_MARKS: Final = {LineKind.SCREEN: ">", LineKind.TYPED: "<"}
_ROW: Final = re.compile(r"([0-9]{1,16})([<>])", re.ASCII)
_KINDS: Final = {mark: kind for kind, mark in _MARKS.items()}


def in_blocks(lines: Iterable[SpokenLine]) -> Iterator[list[SpokenLine]]:
    """Yield lines in blocks."""
    block: list[SpokenLine] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line.text)
        if size >= BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def pack(block: Sequence[SpokenLine]) -> bytes:
    """Make the bytes of a block."""
    rows = [f"{line.at}{_MARKS[line.kind]}{line.text}\n" for line in block]
    return zstd.compress("".join(rows).encode("utf-8", "replace"), _LEVEL)


def unpack(body: bytes) -> bytes:
    """Read the rows of a block. Raises `RecordingError`."""
    try:
        unpacker = zstd.ZstdDecompressor()
        rows = unpacker.decompress(body, _MOST)
    except (zstd.ZstdError, EOFError) as error:
        raise _damaged(error) from error
    if not unpacker.eof:
        raise _damaged("half a block")
    return rows


def lines_of(rows: bytes) -> list[SpokenLine]:
    """Read all lines of a block. Raises `RecordingError`."""
    return [_line(row) for row in _text(rows).split("\n")[:-1]]


def find_lines(query: SearchQuery, rows: bytes) -> Iterator[tuple[SpokenLine, int]]:
    """Yield the lines of a block that a query fits, and where in each. Raises `RecordingError`.

    Most blocks have none, which is found out at the speed of a search for bytes.
    """
    if rows.isascii():
        lowered = rows.lower()
        if not all(piece in lowered for piece in query.encoded):
            return
        folded = lowered.decode()
    else:
        folded = _text(rows).casefold()
        if not all(piece in folded for piece in query.pieces):
            return
    text = _text(rows)
    for start, end in _places(query, folded, text):
        line = _line(text[start:end])
        place = query.find(line.text)
        if place is not None:
            yield line, place


def _places(query: SearchQuery, folded: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the rows are that may fit."""
    if len(folded) != len(text):
        yield from _starts(text, "\n")  # some characters are two when they are folded, and places others then
        return
    first, *others = sorted(query.pieces, key=folded.count)
    for start, end in _starts(folded, first):
        if all(folded.find(piece, start, end) >= 0 for piece in others):
            yield start, end


def _text(rows: bytes) -> str:
    try:
        return rows.decode()
    except ValueError as error:
        raise _damaged(error) from error


def _starts(rows: str, piece: str) -> Iterator[tuple[int, int]]:
    """Yield where the rows are that have a piece somewhere."""
    at = rows.find(piece)
    while at >= 0:
        start, end = rows.rfind("\n", 0, at) + 1, rows.find("\n", at)
        yield start, end
        at = rows.find(piece, end + 1)


def _line(row: str) -> SpokenLine:
    found = _ROW.match(row)
    if found is None:
        raise _damaged("a row that is none")
    return SpokenLine(int(found[1]), _KINDS[found[2]], row[found.end() :])


def _damaged(detail: object) -> RecordingError:
    return RecordingError("the index of recordings is damaged", detail=str(detail))
