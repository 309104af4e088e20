"""Deletes events that are too old, from the beginning of the trail on, and leaves an anchor where it begins then.

Each step is one transaction: the events go, the anchor moves, and an event says what was deleted. So the trail can be
verified at any moment, and nobody takes its beginning away unnoticed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from whale.audit.chain import link
from whale.audit.event import AuditEvent, Kind, mark_of, timestamp
from whale.model.audit import AuditMark, AuditRow
from whale.model.errors import WhaleError
from whale.model.limits import AUDIT_PRUNE_INTERVAL

DAY = 86_400

_log = structlog.get_logger("whale.audit")


class Prunable(Protocol):
    """The trail, as far as it is needed here."""

    async def prune(
        self,
        *,
        before: int,
        held: Sequence[str],
        link: Callable[[AuditMark, AuditRow, int], AuditRow],
        mark: Callable[[AuditRow], AuditMark],
    ) -> int:
        """Delete some of the events before a time; return how many. Raises `WhaleError`."""
        ...


class Retention:
    """One per server. `run` until it is cancelled."""

    def __init__(
        self, trail: Prunable, *, keep: float, sinks: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        """`keep`: days. What has not been sent to one of the `sinks` stays."""
        self._trail = trail
        self._keep = keep
        self._held = [f"sink:{name}" for name in sinks]
        self._clock = clock

    async def run(self) -> None:
        """Look now and then for ever."""
        while True:
            await self.prune()
            await asyncio.sleep(AUDIT_PRUNE_INTERVAL)

    async def prune(self) -> int:
        """Delete what is too old; return how many that were."""
        deleted = 0
        before = round((self._clock() - self._keep * DAY) * 1e6)
        try:
            while count := await self._trail.prune(before=before, held=self._held, link=self._note, mark=mark_of):
                deleted += count
        except WhaleError as error:
            _log.error("audit.not_pruned", error=str(error))
        if deleted:
            _log.info("audit.pruned", events=deleted)
        return deleted

    def _note(self, head: AuditMark, last: AuditRow, count: int) -> AuditRow:
        through = mark_of(last)
        event = AuditEvent(
            time=timestamp(self._clock()), kind=Kind.PRUNED, count=count, through=through.seq, hash=through.hash
        )
        return link([event], after=head)[0]
