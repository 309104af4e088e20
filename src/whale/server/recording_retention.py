"""Deletes recordings that are too old, and the oldest when there are too many bytes. What is held stays.

What has a label with days of its own stays for so long, however many bytes there are. Deletions that were cut short,
whoever began them, are gone on with.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from whale.broker.removal import Event, Removal
from whale.broker.trail import Trail
from whale.model.errors import WhaleError
from whale.server.config_recording import RecordingSection
from whale.store.recordings import RecordingTable

INTERVAL: Final = 600.0
"""Seconds between two looks."""

BATCH: Final = 100
DAY_MS: Final = 86_400_000

_log = structlog.get_logger("whale.server")


class RecordingRetention:
    """One per server. `run` until it is cancelled."""

    def __init__(
        self,
        config: RecordingSection,
        table: RecordingTable,
        removal: Removal,
        trail: Trail,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._table = table
        self._removal = removal
        self._trail = trail
        self._clock = clock

    async def run(self) -> None:
        """Look now and then for ever."""
        while True:
            await self.prune()
            await asyncio.sleep(INTERVAL)

    async def prune(self) -> int:
        """Delete what is not to be kept; return how many that were. Raises nothing."""
        count = 0
        for prune in (self._prune_left, self._prune_old, self._prune_many):
            try:
                count += await prune()
            except WhaleError as error:
                _log.error("recordings.not_pruned", error=str(error), detail=error.detail)
        if count:
            _log.info("recordings.pruned", recordings=count)
        return count

    async def _prune_left(self) -> int:
        return await self._removal.finish(self._expired("its deletion had been cut short"))

    async def _prune_old(self) -> int:
        kept = self._config.days
        count = await self._prune_older(self._config.keep, "recording.keep", without=tuple(kept))
        for label, days in kept.items():
            count += await self._prune_older(days, "recording.keep_labels", label=label)
        return count

    async def _prune_older(self, days: float, setting: str, *, label: str = "", without: tuple[str, ...] = ()) -> int:
        if not days:
            return 0
        before, count = int(self._clock() * 1000 - days * DAY_MS), 0
        while found := await self._table.expendable(ended_before=before, label=label, without=without, limit=BATCH):
            for recording in found:
                count += await self._removal.remove(recording, self._expired(f"it is older than {setting}"))
        return count

    async def _prune_many(self) -> int:
        if not self._config.max_bytes:
            return 0
        left, kept = await self._table.stored_bytes(), tuple(self._config.days)
        count = 0
        while left > self._config.max_bytes and (found := await self._table.expendable(without=kept, limit=BATCH)):
            for recording in found:
                if left <= self._config.max_bytes:
                    break
                if await self._removal.remove(recording, self._expired("there is more than recording.max_bytes")):
                    left -= recording.state.stored_bytes
                    count += 1
        return count

    def _expired(self, reason: str) -> Event:
        return lambda recording: self._trail.recording_expired(recording, reason)
