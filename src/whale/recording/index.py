"""The index of all recordings: files of some thousand blocks each, the newest last. Everything here blocks.

One process writes, with a lock; others read meanwhile. What is deleted costs the writing anew of the files that it is
in, and of no others.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from whale.model.errors import RecordingError
from whale.recording.search_query import SearchQuery, excerpt
from whale.recording.shard import Part, Shard
from whale.recording.text import LineKind, SpokenLine
from whale.recording.text_block import find_lines

FULL: Final = 2048
"""Blocks of a file: 128 MiB of text, which is written anew in a second or two when something in it is deleted."""

_NAME: Final = re.compile(r"[0-9]{6}\.db")


class Indexed(NamedTuple):
    """How far a recording is in the index."""

    parts: int = 0
    is_finished: bool = False


class Hit(NamedTuple):
    """A line in which something was found."""

    at: int
    """Milliseconds since the recording began."""
    kind: LineKind
    line: str
    """What is shown of it."""


class IndexWriter:
    """The one that writes. Whoever opened it calls `close`. All methods raise `RecordingError`."""

    def __init__(self, directory: Path) -> None:
        """Wait for the lock; what is of another version, or damaged, is deleted, to be made anew."""
        self._directory = directory
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._lock = os.open(directory / "lock", flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise _unusable(error) from error
        self._shards: list[Shard] = []
        self.known: dict[str, Indexed] = {}
        """How far each recording is."""
        for path in shard_files(directory):
            self._open(path)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        for shard in self._shards:
            shard.close()
        self._shards.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def add(self, part: Part, blocks: Iterable[Sequence[SpokenLine]]) -> None:
        """Add the next part of a recording."""
        if not self._shards or self._shards[-1].blocks() >= FULL:
            last = int(self._shards[-1].path.stem) if self._shards else 0
            self._shards.append(Shard(self._directory / f"{last + 1:06}.db", is_writing=True))
        self._shards[-1].add(part, blocks)
        self.known[part.recording] = Indexed(part.number + 1, part.is_last)

    def delete(self, recordings: Sequence[str]) -> None:
        """Delete all of some recordings, so that nothing is left of them in the files."""
        for shard in list(self._shards):
            if shard.delete(recordings) and not shard.blocks() and shard is not self._shards[-1]:
                self._shards.remove(shard)
                shard.close()
                _unlink(shard.path)
        for recording in recordings:
            self.known.pop(recording, None)

    def _open(self, path: Path) -> None:
        try:
            shard = Shard(path, is_writing=True)
            parts = shard.parts()
        except RecordingError:
            _unlink(path)
            return
        self._shards.append(shard)
        for recording, number, is_last in parts:
            before = self.known.get(recording, Indexed())
            self.known[recording] = Indexed(max(before.parts, number + 1), is_last or before.is_finished)


class IndexSearch:
    """One search. Whoever made it calls `close`. One thread at a time. All methods raise `RecordingError`."""

    def __init__(self, directory: Path, query: SearchQuery, *, deadline: float) -> None:
        """`deadline`, of `time.monotonic`: what is not found by then is not looked for."""
        self._query = query
        self._deadline = deadline
        self._left = shard_files(directory)
        self._shard: Shard | None = None
        self._blocks: dict[str, list[int]] = {}
        self.is_late = False
        """True when it was broken off."""

    def candidates(self, among: Sequence[str] | None = None) -> list[str]:
        """Go to the next file, and return the recordings that may have hits there, newest first; none at the end."""
        while self._left and not self._is_over():
            self.close()
            path = self._left.pop()
            try:
                self._shard = Shard(path)
                self._shard.stop_at(self._deadline)
                self._blocks = self._shard.search(self._query.words, among)
            except RecordingError:
                if self._is_over() or not path.exists():
                    continue
                raise
            if self._blocks:
                return list(self._blocks)
        return []

    def hits(self, recording: str, *, limit: int) -> list[Hit]:
        """Find up to so many lines of one of the candidates, in the order of time."""
        found: list[Hit] = []
        if self._shard is None:
            return found
        for block in reversed(self._blocks.get(recording, ())):
            if len(found) >= limit or self._is_over():
                break
            try:
                for line, place in find_lines(self._query, self._shard.rows(block)):
                    found.append(Hit(line.at, line.kind, excerpt(line.text, place)))
            except RecordingError:
                if not self._is_over():
                    raise
        return found[:limit]

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None

    def _is_over(self) -> bool:
        self.is_late = self.is_late or time.monotonic() > self._deadline
        return self.is_late


def hits_in(query: SearchQuery, lines: Iterable[SpokenLine]) -> list[Hit]:
    """Find the lines that a query fits."""
    found: list[Hit] = []
    for at, kind, text in lines:
        place = query.find(text)
        if place is not None:
            found.append(Hit(at, kind, excerpt(text, place)))
    return found


def shard_files(directory: Path) -> list[Path]:
    """The files of an index, the newest last. Raises `RecordingError`."""
    try:
        return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unusable(error) from error


def _unlink(path: Path) -> None:
    try:
        for each in (path, path.with_name(f"{path.name}-journal")):
            each.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(error) from error


def _unusable(error: OSError) -> RecordingError:
    return RecordingError("the index of recordings can't be used", detail=str(error))
