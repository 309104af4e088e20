"""The form of a backup: lines of JSON, the same for every database system. Pure.

The first line says what it is, the last one how many rows there were and the SHA-256 of all before it, so that a
backup that was cut or damaged shows that. In between are the tables, in an order in which they can be written: a line
with the name of one, and a line for each of its rows.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec

from whale.model.errors import UsageError

FORMAT: Final = "whale-backup"
VERSION: Final = 1

MAX_LINE: Final = 16 * 1024 * 1024
"""Longest line that is read, in bytes."""

Value = int | str | bytes | None


class Row(NamedTuple):
    """One row of a table, in the order of its columns."""

    table: str
    values: tuple[Value, ...]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    format: Literal["whale-backup"] = FORMAT
    version: int = VERSION
    revision: str
    """The version of the tables."""
    time: str
    """When, in UTC."""
    tables: dict[str, tuple[str, ...]]
    """The columns of each."""


class _End(msgspec.Struct, frozen=True, kw_only=True):
    rows: int
    sha256: str


class _Bytes(msgspec.Struct, frozen=True, kw_only=True):
    base64: str


_encoder = msgspec.json.Encoder()


class DumpWriter:
    """Makes the lines of one backup. `begin`, then `row` for each, table by table, then `end`."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = hashlib.sha256()
        self._table = ""

    def begin(self, head: Head) -> bytes:
        """The first line."""
        return self._line(head)

    def row(self, row: Row) -> bytes:
        """The line of a row, or two where a table begins."""
        begin = b"" if row.table == self._table else self._line(row.table)
        self._table = row.table
        self.rows += 1
        return begin + self._line([_plain(value) for value in row.values])

    def end(self) -> bytes:
        """The last line."""
        return _encoder.encode(_End(rows=self.rows, sha256=self._sum.hexdigest())) + b"\n"

    def _line(self, value: object) -> bytes:
        line = _encoder.encode(value) + b"\n"
        self._sum.update(line)
        return line


def read_dump(lines: Iterable[bytes]) -> Iterator[Head | Row]:
    """Yield the head and then the rows. Raises `UsageError` for what is no whole backup, at the latest at its end."""
    left = iter(lines)
    first = next(left, b"")
    head = _head(first)
    yield head
    total = hashlib.sha256(first)
    rows = 0
    table = ""
    for line in left:
        value = _decoded(line)
        if isinstance(value, dict):
            _check_end(value, rows=rows, digest=total.hexdigest())
            if next(left, b""):
                raise _damaged("has something after its end")
            return
        total.update(line)
        if isinstance(value, str):
            table = value
        elif isinstance(value, list) and len(value) == len(head.tables.get(table, ())):
            rows += 1
            yield Row(table, tuple(_value(each) for each in value))
        else:
            raise _damaged("has a line that belongs to no table")
    raise _damaged("is cut short")


def _head(line: bytes) -> Head:
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UsageError("that is no backup of whale-server", hint="`whale-server backup FILE` makes one") from None
    if head.version != VERSION:
        raise UsageError(
            "the backup was made by a newer version of whale",
            hint="restore it with that version",
            detail=str(head.version),
        )
    return head


def _decoded(line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise _damaged("is cut short")
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _damaged("has a line that can't be read") from None


def _check_end(value: object, *, rows: int, digest: str) -> None:
    try:
        end = msgspec.convert(value, _End)
    except msgspec.ValidationError:
        raise _damaged("has a line that can't be read") from None
    if end.rows != rows or end.sha256 != digest:
        raise _damaged("is not what was written")


def _plain(value: Value) -> object:
    return _Bytes(base64=base64.b64encode(value).decode()) if isinstance(value, bytes) else value


def _value(value: object) -> Value:
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
        return value
    try:
        return base64.b64decode(msgspec.convert(value, _Bytes).base64, validate=True)
    except (msgspec.ValidationError, binascii.Error):
        raise _damaged("has a value that can't be read") from None


def _damaged(problem: str) -> UsageError:
    return UsageError(f"the backup {problem}", hint="nothing was changed; take another one")
