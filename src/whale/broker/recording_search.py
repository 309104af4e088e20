"""The use case of searching in what was recorded: of what somebody may read, and of nothing else.

The index says which recordings may have what is searched for; who may read which is decided before a line is looked at.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

from whale.broker.trail import Trail
from whale.model.principal import Principal
from whale.model.recording_search import Found, FoundLine, FoundRecording
from whale.model.recordings import Recording, RecordingQuery
from whale.recording.search_query import SearchQuery

PATIENCE: Final = 5.0
"""Seconds after which what was found by then is the answer."""

AT_ONCE: Final = 4
"""Searches that are made at the same time; others wait for their turn."""

EACH: Final = 10
"""Lines of one recording, where it is not the only one that is searched."""

FEW: Final = 500
"""Recordings up to which the index is told which ones are looked for."""

MOST_COUNTED: Final = 1000
"""Encrypted recordings that are counted."""

Readable = Callable[[Principal, RecordingQuery], AsyncIterator[Recording]]
"""All recordings that fit and that somebody may read, newest first."""


class Hit(Protocol):
    """See `whale.recording.index.Hit`."""

    @property
    def at(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def line(self) -> str: ...


class Search(Protocol):
    """A search in the index: `whale.recording.index` has the real one. Blocking, and used by one thread at a time."""

    is_late: bool

    def candidates(self, among: Sequence[str] | None = None) -> list[str]: ...
    def hits(self, recording: str, *, limit: int) -> Sequence[Hit]: ...
    def close(self) -> None: ...


class SearchShelf(Protocol):
    """What has the index."""

    def search(self, query: SearchQuery, *, deadline: float) -> Search: ...


class RecordingSearch:
    """One per server."""

    def __init__(self, shelf: SearchShelf, readable: Readable, trail: Trail) -> None:
        self._shelf = shelf
        self._readable = readable
        self._trail = trail
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def search(
        self, principal: Principal, text: str, query: RecordingQuery, *, only: Recording | None = None
    ) -> Found:
        """Search for words and phrases; in one recording, or in all that fit, newest first.

        `only` is one that the caller may read. Raises `UsageError` for what can't be searched for; `RecordingError`.
        """
        asked = SearchQuery(text)
        async with self._turns:
            search = self._shelf.search(asked, deadline=time.monotonic() + PATIENCE)
            try:
                found, is_full = await self._found(principal, search, query, only)
            finally:
                await asyncio.to_thread(search.close)
        encrypted = await self._count_encrypted(principal, query, only)
        self._trail.recordings_searched(principal, text, sum(len(one.lines) for one in found))
        return Found(found, not (is_full or search.is_late), encrypted)

    async def _found(
        self, principal: Principal, search: Search, query: RecordingQuery, only: Recording | None
    ) -> tuple[list[FoundRecording], bool]:
        among = [only.id] if only is not None else await self._few(principal, query)
        found: dict[str, FoundRecording] = {}
        room = query.limit
        while candidates := await asyncio.to_thread(search.candidates, among):
            for recording in await self._allowed(principal, query, candidates, only):
                before = found.get(recording.id, FoundRecording(recording, ()))
                most = room if only is not None else min(room, EACH - len(before.lines))
                hits = await asyncio.to_thread(search.hits, recording.id, limit=most) if most > 0 else ()
                if hits:
                    lines = [FoundLine(hit.at, str(hit.kind), hit.line) for hit in hits]
                    merged = sorted((*lines, *before.lines), key=lambda line: line.at)
                    found[recording.id] = FoundRecording(recording, merged)
                    room -= len(lines)
                if room <= 0:
                    return _newest_first(found), True
        return _newest_first(found), False

    async def _few(self, principal: Principal, query: RecordingQuery) -> list[str] | None:
        """Which recordings are looked for, where something of them is said and they are few; None for all."""
        if not (query.principal or query.container or query.since is not None or query.until is not None):
            return None
        few: list[str] = []
        async for recording in self._readable(principal, query._replace(is_encrypted=False)):
            few.append(recording.id)
            if len(few) > FEW:
                return None
        return few

    async def _allowed(
        self, principal: Principal, query: RecordingQuery, candidates: Sequence[str], only: Recording | None
    ) -> list[Recording]:
        if only is not None:
            return [only]
        found: list[Recording] = []
        for start in range(0, len(candidates), FEW):
            ids = tuple(candidates[start : start + FEW])
            found += [each async for each in self._readable(principal, query._replace(ids=ids))]
        return found

    async def _count_encrypted(self, principal: Principal, query: RecordingQuery, only: Recording | None) -> int:
        if only is not None:
            return int(only.is_encrypted)
        count = 0
        async for _ in self._readable(principal, query._replace(is_encrypted=True)):
            count += 1
            if count == MOST_COUNTED:
                break
        return count


def _newest_first(found: dict[str, FoundRecording]) -> list[FoundRecording]:
    return sorted(found.values(), key=lambda one: (one.recording.started, one.recording.id), reverse=True)
