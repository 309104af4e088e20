"""Writes events: one task, a bounded queue, many events to a transaction.

Who needs an event on disk before going on awaits `commit`, or what `begin` returns; everybody else calls `note`. What
can't be written waits here for as long as there is room, and what there is no room for is counted: an event says how
many are missing.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal, NamedTuple, Protocol

import msgspec
import structlog

from whale.audit.chain import link
from whale.audit.event import AuditEvent, Kind, encode_event, mark_of, timestamp
from whale.model.audit import AuditMark, AuditRow
from whale.model.errors import WhaleError
from whale.model.limits import AUDIT_RETRY_INTERVAL, AUDIT_TIMEOUT, MAX_AUDIT_BATCH, MAX_AUDIT_QUEUE

OnFailure = Literal["refuse", "alarm"]
"""What becomes of a shell whose event can't be written: it is refused, or goes on and is made known."""

_log = structlog.get_logger("whale.audit")


class Log(Protocol):
    """Where the trail lies."""

    async def append(
        self,
        link: Callable[[AuditMark], Sequence[AuditRow]],
        *,
        mark: Callable[[AuditRow], AuditMark],
        unless: AuditMark | None,
    ) -> AuditMark:
        """Add the rows that `link` makes to follow the head, unless an event is there already.

        Raises `WhaleError`; then nothing was added, or all of it if the database was lost just when it was done.
        """
        ...


class _Waiting(NamedTuple):
    event: AuditEvent
    done: asyncio.Future[None] | None


class _Tried(NamedTuple):
    """A write that failed, and may have been done: how many events of the queue, what it said to be missing."""

    events: int
    unsaid: int
    last: AuditMark


class Recorder:
    """One per server. `running` runs it; events may be noted before."""

    def __init__(self, log: Log, *, on_failure: OnFailure = "refuse", clock: Callable[[], float] = time.time) -> None:
        self.written = 0
        self.failures = 0
        """How often the trail could not be written."""
        self.missed = 0
        """Events there was no room for, in all."""
        self.grown = asyncio.Condition()
        """Notified when there is something new on disk."""
        self.head = 0
        """Number of the newest event that was written here."""
        self._log = log
        self._on_failure = on_failure
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._unsaid = 0
        """Events there was no room for, and of which no event says so yet."""
        self._wake = asyncio.Event()
        self._is_failing = False
        self._tried: _Tried | None = None

    @property
    def queued(self) -> int:
        """Events that wait to be written."""
        return len(self._queue)

    def note(self, event: AuditEvent) -> None:
        """Write an event soon."""
        self._put(event, None)

    async def commit(self, event: AuditEvent) -> None:
        """Write an event, and return when it is on disk. Raises as what `begin` returns does."""
        await self.begin(event)()

    def begin(self, event: AuditEvent) -> Callable[[], Awaitable[None]]:
        """Begin to write an event. What it returns waits, once or more often or never, until that is on disk.

        It raises `WhaleError` (audit.unavailable) when it can't be, unless that is only to be made known.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_look)
        if not self._put(event, done):
            done.set_exception(WhaleError("too many audit events wait to be written"))

        async def written() -> None:
            try:
                async with asyncio.timeout(AUDIT_TIMEOUT):
                    await asyncio.shield(done)
            except (WhaleError, TimeoutError) as error:
                if self._on_failure == "refuse":
                    raise _unavailable(str(error)) from error

        return written

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write until the end of the block, and what is left then."""
        tasks = asyncio.TaskGroup()
        await tasks.__aenter__()
        task = tasks.create_task(self._run(), name="audit")
        try:
            yield
        finally:
            await self._flush()
            task.cancel()
            # Without the error: it is the block's own, and a task group would wrap it.
            await tasks.__aexit__(None, None, None)

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(AUDIT_TIMEOUT), self.grown:
                self._wake.set()
                await self.grown.wait_for(lambda: not self._queue and not self._unsaid)
        except TimeoutError:
            _log.error("audit.lost", events=len(self._queue) + self._unsaid)

    def _put(self, event: AuditEvent, done: asyncio.Future[None] | None) -> bool:
        try:
            encode_event(event)
        except UnicodeEncodeError:
            event = _cleaned(event)
        self._wake.set()
        if len(self._queue) >= MAX_AUDIT_QUEUE:
            self.missed += 1
            self._unsaid += 1
            return False
        self._queue.append(_Waiting(event, done))
        return True

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._unsaid:
                if await self._write():
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(AUDIT_RETRY_INTERVAL):
                        await self._wake.wait()  # somebody may need it written now
                self._wake.clear()

    async def _write(self) -> bool:
        count = min(len(self._queue), MAX_AUDIT_BATCH)
        unsaid = self._unsaid
        events = [self._queue[number].event for number in range(count)]
        if unsaid:
            events.append(AuditEvent(time=timestamp(self._clock()), kind=Kind.MISSED, count=unsaid))
        before = now = self._tried

        def linked(head: AuditMark) -> list[AuditRow]:
            nonlocal now
            rows = link(events, after=head)
            now = _Tried(count, unsaid, mark_of(rows[-1]))
            return rows

        try:
            # No deadline of its own: a write that is given up here may still be done.
            head = await self._log.append(linked, mark=mark_of, unless=before.last if before is not None else None)
        except WhaleError as error:
            self._tried = now
            self._failed(error)
            return False
        self._tried = None
        assert now is not None
        await self._written(now, head, missed=unsaid)
        return True

    async def _written(self, done: _Tried, head: AuditMark, *, missed: int) -> None:
        for _ in range(done.events):
            each = self._queue.popleft()
            if each.done is not None and not each.done.done():
                each.done.set_result(None)
        self._unsaid -= done.unsaid
        self.written += done.events + bool(done.unsaid)
        self.head = max(self.head, head.seq)
        if self._is_failing:
            self._is_failing = False
            _log.warning("audit.written_again", missed=missed)
        async with self.grown:
            self.grown.notify_all()

    def _failed(self, error: WhaleError) -> None:
        self.failures += 1
        if not self._is_failing:
            self._is_failing = True
            _log.error("audit.not_written", error=str(error), waiting=len(self._queue), on_failure=self._on_failure)
        for each in self._queue:
            if each.done is not None and not each.done.done():
                each.done.set_exception(error)


def _look(done: asyncio.Future[None]) -> None:
    """Take note of a failure that nobody waits for: it is in the log."""
    if not done.cancelled():
        done.exception()


def _unavailable(reason: str) -> WhaleError:
    return WhaleError(
        "the audit trail can't be written, and without it nothing may be started",
        code="audit.unavailable",
        hint="try again; if it lasts, the server's log says why",
        detail=reason or "the database did not answer in time",
    )


def _cleaned(event: AuditEvent) -> AuditEvent:
    """Make an event that can be written of one that holds what is no Unicode."""

    def clean(value: object) -> object:
        if isinstance(value, str):
            return value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        return [clean(item) for item in value] if isinstance(value, list | tuple) else value

    return msgspec.convert(clean(msgspec.to_builtins(event)), AuditEvent)
