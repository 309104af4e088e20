"""Brings events from the trail to one sink, in order, at least once. What waits for a sink lies in the trail itself.

A mark in the database says how far a sink is. It is moved after a delivery, so that a kill in between means that some
events come twice, with the same numbers, and never that one is missing. How far a sink may be behind has a bound;
what is beyond it is skipped, and an event says so.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from whale.audit.event import AuditEvent, Kind, mark_of, timestamp
from whale.audit.recorder import Recorder
from whale.model.audit import NO_EVENT, AuditMark, AuditRow
from whale.model.errors import WhaleError
from whale.model.limits import (
    AUDIT_POLL_INTERVAL,
    AUDIT_SINK_PAUSE,
    AUDIT_TIMEOUT,
    MAX_AUDIT_BATCH,
    MAX_AUDIT_SINK_PAUSE,
)

SAVE_EVERY = 20 * MAX_AUDIT_BATCH
"""Events after which the mark is moved, when there are always more: what comes twice after a kill."""

_log = structlog.get_logger("whale.audit")


class Sink(Protocol):
    """Where events go. Has deadlines of its own."""

    name: str

    async def deliver(self, lines: Sequence[str]) -> None:
        """Take lines over. Raises `WhaleError`; all of them are delivered again then."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds. Idempotent."""
        ...


class Source(Protocol):
    """The trail, as far as it is needed here."""

    async def after(self, seq: int, *, limit: int) -> Sequence[AuditRow]:
        """The events that follow one, oldest first."""
        ...

    async def newest(self) -> AuditMark:
        """The newest event."""
        ...

    async def mark(self, name: str) -> AuditMark:
        """A mark, or the place before the first event."""
        ...

    async def set_mark(self, name: str, mark: AuditMark) -> None:
        """Move it."""
        ...


class Pump:
    """One per sink. `run` until it is cancelled."""

    def __init__(
        self, sink: Sink, source: Source, recorder: Recorder, *, spool: int, clock: Callable[[], float] = time.time
    ) -> None:
        """`spool` is how many events a sink may be behind."""
        self.name = sink.name
        self.delivered = 0
        self.failures = 0
        self.skipped = 0
        self.behind = 0
        """Events that wait for the sink, as far as is known."""
        self.sink = sink
        self._source = source
        self._recorder = recorder
        self._spool = spool
        self._clock = clock
        self._mark = f"sink:{sink.name}"
        self._place = NO_EVENT
        self._saved = NO_EVENT
        self._has_begun = False
        self._batch = MAX_AUDIT_BATCH
        self._pause = AUDIT_SINK_PAUSE
        self._is_failing = False

    async def run(self) -> None:
        """Deliver for ever."""
        try:
            while True:
                if not await self._attempt():
                    await asyncio.sleep(self._pause)
                elif not self.behind:
                    await self._wait()
        finally:
            await self.sink.aclose()

    async def finish(self) -> None:
        """Deliver what there is, and note how far that was. For the end, when `run` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AUDIT_TIMEOUT):
                while await self._attempt() and self.behind:
                    pass
        await self.sink.aclose()

    async def _attempt(self) -> bool:
        """Deliver a batch. False when that failed."""
        try:
            await self._deliver()
        except WhaleError as error:
            self.failures += 1
            self._batch = max(1, self._batch // 2)  # one that is too big for the sink must not stop all others
            self._pause = min(MAX_AUDIT_SINK_PAUSE, self._pause * 2)
            if not self._is_failing:
                self._is_failing = True
                _log.error("audit.sink_failed", sink=self.name, error=str(error), after=self._place.seq)
            return False
        if self._is_failing:
            self._is_failing = False
            _log.warning("audit.sink_works_again", sink=self.name, after=self._place.seq)
        self._batch = min(MAX_AUDIT_BATCH, self._batch * 2)
        self._pause = AUDIT_SINK_PAUSE
        return True

    async def _deliver(self) -> None:
        if not self._has_begun:
            self._place = self._saved = await self._source.mark(self._mark)
            self._has_begun = True
        head = await self._source.newest()
        self.behind = head.seq - self._place.seq
        if self.behind > self._spool:
            await self._skip_to(head.seq - self._spool)
        rows = await self._source.after(self._place.seq, limit=self._batch)
        if rows:
            if rows[0].seq > self._place.seq + 1:
                self._note_skipped(rows[0].seq - self._place.seq - 1)
            await self.sink.deliver([row.body for row in rows])
            self._place = mark_of(rows[-1])
            self.delivered += len(rows)
        self.behind = max(0, head.seq - self._place.seq) if rows else 0
        if self._saved != self._place and (not self.behind or self._place.seq - self._saved.seq >= SAVE_EVERY):
            await self._source.set_mark(self._mark, self._place)
            self._saved = self._place

    async def _skip_to(self, seq: int) -> None:
        rows = await self._source.after(seq - 1, limit=1)
        if rows:
            self._note_skipped(rows[0].seq - self._place.seq)
            self._place = mark_of(rows[0])

    def _note_skipped(self, count: int) -> None:
        if self._place == NO_EVENT:
            return  # a new sink begins with what there is
        self.skipped += count
        _log.error("audit.sink_skipped", sink=self.name, events=count, after=self._place.seq, spool=self._spool)
        self._recorder.note(
            AuditEvent(
                time=timestamp(self._clock()),
                kind=Kind.SKIPPED,
                count=count,
                through=self._place.seq + count,
                sink=self.name,
            )
        )

    async def _wait(self) -> None:
        """Wait for more: this server's is told of, that of other processes is looked for now and then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AUDIT_POLL_INTERVAL), self._recorder.grown:
                await self._recorder.grown.wait_for(lambda: self._recorder.head > self._place.seq)
