"""One file of the index: SQLite with FTS5, which stores no text of its own, and the text in compressed blocks.

What FTS5 says is which blocks have all the words near each other, in one of a block's pieces; whether one line has them
is looked up in the block. So it holds no places of words, and is small, and common words do not lead to every block. A
part of a recording comes in one transaction, or not.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from whale.model.errors import RecordingError
from whale.recording.search_query import words_of
from whale.recording.text import SpokenLine
from whale.recording.text_block import BLOCK, lines_of, pack, unpack

VERSION: Final = 2
"""Of the tables and of what is in them; an index of another one is made anew."""

BUSY: Final = 10.0
"""Seconds that one process waits for another, which writes for milliseconds, or cleans up for a second."""

PIECES: Final = 8
"""Pieces of a block at most: more make the index larger, and fewer lead to blocks in which no line has all words."""

_STEPS: Final = 10_000
"""Steps of SQLite between two looks at the clock."""

_TABLES: Final = (
    "CREATE TABLE part (id INTEGER PRIMARY KEY, recording TEXT NOT NULL, number INTEGER NOT NULL, "
    "is_last INTEGER NOT NULL, UNIQUE (recording, number))",
    "CREATE TABLE block (id INTEGER PRIMARY KEY, part INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX block_part ON block (part)",
    "CREATE VIRTUAL TABLE words USING fts5 (text, content='', detail=none, columnsize=0, tokenize='ascii')",
    f"PRAGMA user_version = {VERSION}",
)


class Part(NamedTuple):
    """A part of a recording that is in it."""

    recording: str
    number: int
    is_last: bool


class Shard:
    """One file. Whoever opened it calls `close`. All methods raise `RecordingError`."""

    def __init__(self, path: Path, *, is_writing: bool = False) -> None:
        """Open it, or make it where it is to be written to."""
        self.path = path
        self._is_empty = False
        """Whether another process is about to make it."""
        with _translated():
            if is_writing:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            mode = "rw" if is_writing else "ro"
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False,
            )  # fmt: skip
            try:
                self._prepare(is_writing=is_writing)
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self, *, is_writing: bool) -> None:
        # What is deleted is written over, in tables and in what FTS5 has made of them.
        self._connection.execute("PRAGMA secure_delete = ON")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and is_writing:
            with self._transaction():
                for statement in _TABLES:
                    self._connection.execute(statement)
        elif version == 0:
            self._is_empty = True
        elif version != VERSION:
            raise RecordingError("the index is of another version", detail=f"{self.path.name}: {version}")

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._connection.close()

    def stop_at(self, deadline: float) -> None:
        """Break off what takes longer than to a moment of `time.monotonic`."""
        self._connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)

    def blocks(self) -> int:
        """How many blocks there are."""
        with _translated():
            return int(self._connection.execute("SELECT count(*) FROM block").fetchone()[0])

    def parts(self) -> list[Part]:
        """The parts that are in it."""
        with _translated():
            found = self._connection.execute("SELECT recording, number, is_last FROM part ORDER BY id")
            return [Part(recording, number, bool(is_last)) for recording, number, is_last in found]

    def add(self, part: Part, blocks: Iterable[Sequence[SpokenLine]]) -> None:
        """Add a part that is not there yet."""
        packed = [(pack(block), _pieces(block)) for block in blocks]
        with _translated(), self._transaction():
            self._delete([part.recording], number=part.number)
            execute = self._connection.execute
            made = execute("INSERT INTO part (recording, number, is_last) VALUES (?, ?, ?)", part).lastrowid
            for body, pieces in packed:
                block = execute("INSERT INTO block (part, body) VALUES (?, ?)", (made, body)).lastrowid
                assert block is not None
                for row, words in enumerate(pieces, block * PIECES):
                    execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row, words))

    def delete(self, recordings: Sequence[str]) -> bool:
        """Delete recordings, so that nothing of them is left in the file; tell whether there was something."""
        with _translated():
            with self._transaction():
                is_changed = self._delete(recordings)
                if is_changed:
                    # What it has of words that are deleted goes when it is written anew, and not before.
                    self._connection.execute("INSERT INTO words (words) VALUES ('optimize')")
            return is_changed

    def search(self, words: Sequence[str], among: Sequence[str] | None = None) -> dict[str, list[int]]:
        """Find blocks that have words beginning with all of these, newest first; of some recordings, or of all."""
        if self._is_empty:
            return {}
        query = " AND ".join(f'"{word}" *' for word in words)
        found: dict[str, list[int]] = {}
        statement = (
            "SELECT part.recording, block.id FROM words JOIN block ON block.id = words.rowid / ? "
            "JOIN part ON part.id = block.part WHERE words MATCH ?"
        )
        if among is not None:
            statement += f" AND part.recording IN ({', '.join('?' * len(among))})"
        with _translated():
            rows = self._connection.execute(f"{statement} ORDER BY words.rowid DESC", (PIECES, query, *(among or ())))
            for recording, block in rows:
                blocks = found.setdefault(recording, [])
                if not blocks or blocks[-1] != block:
                    blocks.append(block)
        return found

    def rows(self, block: int) -> bytes:
        """The rows of a block; none where it was deleted meanwhile."""
        with _translated():
            row = self._connection.execute("SELECT body FROM block WHERE id = ?", (block,)).fetchone()
        return unpack(row[0]) if row is not None else b""

    def _delete(self, recordings: Sequence[str], *, number: int | None = None) -> bool:
        execute = self._connection.execute
        is_changed = False
        for recording in recordings:
            parts = execute(
                "SELECT id FROM part WHERE recording = ? AND (? IS NULL OR number = ?)", (recording, number, number)
            ).fetchall()
            for (part,) in parts:
                is_changed = True
                for block, body in execute("SELECT id, body FROM block WHERE part = ?", (part,)).fetchall():
                    for row, words in enumerate(_pieces(lines_of(unpack(body))), block * PIECES):
                        execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (row, words))
                execute("DELETE FROM block WHERE part = ?", (part,))
                execute("DELETE FROM part WHERE id = ?", (part,))
        return is_changed

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _pieces(block: Sequence[SpokenLine]) -> list[str]:
    """The words of each piece, each once. Sorted, so that they are the same when it is deleted."""
    pieces: list[list[str]] = [[]]
    size = 0
    for line in block:
        if size >= BLOCK // PIECES and len(pieces) < PIECES:
            pieces.append([])
            size = 0
        pieces[-1].append(line.text)
        size += len(line.text)
    return [" ".join(sorted(words_of("\n".join(piece)))) for piece in pieces]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise RecordingError("the index of recordings can't be used", detail=str(error)) from error
