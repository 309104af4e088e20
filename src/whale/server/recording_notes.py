"""Notes in the database how far the recordings are that go on: a moment later, so that no session waits for it.

The files say themselves how far they are. The rows are for those who list recordings, index and store their parts, and
for the hash in the audit trail; of a flood, which has dozens of parts in a second, they need the last one.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from whale.model.errors import WhaleError
from whale.model.recordings import Recording
from whale.store.recordings import RecordingTable

ANCHOR_INTERVAL: Final = 60.0
"""Seconds between two events with the hash of a recording that goes on."""

PAUSE: Final = 1.0
"""Seconds between two rounds of notes."""

_log = structlog.get_logger("whale.server")


class _Due(NamedTuple):
    row: Recording
    has_part: bool
    """True when there is a part more than the row in the database says."""


class RecordingNotes:
    """One per server. `run` runs it; recordings may be noted before."""

    def __init__(
        self, table: RecordingTable, *, on_part: Callable[[Recording], None], on_anchor: Callable[[Recording], None]
    ) -> None:
        """`on_part` is told when there are parts more, and `on_anchor` now and then, of what the row says by then."""
        self._table = table
        self._on_part = on_part
        self._on_anchor = on_anchor
        self._due: dict[str, _Due] = {}
        self._failed: dict[str, _Due] = {}
        """What could not be noted in this round."""
        self._anchored: dict[str, float] = {}
        self._is_due = asyncio.Event()
        self._one_by_one = asyncio.Lock()

    def note(self, row: Recording, *, has_part: bool) -> None:
        """Note a recording that goes on, soon."""
        before = self._due.get(row.id)
        self._due[row.id] = _Due(row, has_part or (before is not None and before.has_part))
        self._is_due.set()

    async def end(self, row: Recording) -> None:
        """Note a recording that is over, at once. Raises `WhaleError`."""
        async with self._one_by_one:
            self._due.pop(row.id, None)
            self._failed.pop(row.id, None)
            await self._table.set_state(row.id, row.state)
        self._anchored.pop(row.id, None)
        self._on_part(row)

    async def run(self) -> None:
        """Note what is to be noted, until it is cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            while self._due:
                async with self._one_by_one:
                    if self._due:
                        await self._next()
            failed, self._failed = self._failed, {}
            for due in failed.values():
                newer = self._due.get(due.row.id, due)
                self.note(newer.row, has_part=due.has_part)
            await asyncio.sleep(PAUSE)

    async def _next(self) -> None:
        due = self._due.pop(next(iter(self._due)))
        row = due.row
        try:
            await self._table.set_state(row.id, row.state)
        except WhaleError as error:
            _log.warning("recording.not_noted", session=row.id, error=str(error))
            self._failed[row.id] = due
            return
        if due.has_part:
            self._on_part(row)
            if time.monotonic() - self._anchored.get(row.id, -ANCHOR_INTERVAL) >= ANCHOR_INTERVAL:
                self._anchored[row.id] = time.monotonic()
                self._on_anchor(row)
