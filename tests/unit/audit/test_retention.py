"""Old events go, and the trail still proves itself."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from whale.audit import retention as module
from whale.audit.chain import Verifier
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.audit.recorder import Recorder
from whale.audit.retention import DAY, Retention
from whale.model.audit import NO_EVENT, AuditMark, AuditRow
from whale.model.errors import WhaleError


class Log(Memory):
    """One that forgets two events at once."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = NO_EVENT
        self.held: Sequence[str] = ()

    async def prune(
        self,
        *,
        before: int,
        held: Sequence[str],
        link: Callable[[AuditMark, AuditRow, int], AuditRow],
        mark: Callable[[AuditRow], AuditMark],
    ) -> int:
        if self.is_full:
            raise WhaleError("full", code="server.disk_full")
        self.held = held
        old = [row for row in self.rows if row.at < before][:2]
        if old:
            self.rows = [*self.rows[len(old) :], link(self.head, old[-1], len(old))]
            self.head, self.anchor = mark(self.rows[-1]), mark(old[-1])
        return len(old)


async def filled() -> Log:
    log = Log()
    recorder = Recorder(log)
    async with recorder.running():
        for day in range(10):
            recorder.note(AuditEvent(time=timestamp(day * DAY), kind=Kind.STARTED))
    return log


async def test_what_is_too_old_goes_and_the_rest_proves_itself() -> None:
    log = await filled()
    retention = Retention(log, keep=4, sinks=["file"], clock=lambda: 9.5 * DAY)
    assert await retention.prune() == 6
    assert log.held == ["sink:file"]
    kinds = [(event.seq, event.kind) for event in log.events]
    assert kinds[:4] == [(seq, Kind.STARTED) for seq in (7, 8, 9, 10)]
    assert [(event.count, event.through) for event in log.events[4:]] == [(2, 2), (2, 4), (2, 6)]
    verifier = Verifier(anchor=log.anchor)
    for row in log.rows:
        verifier.check(row)
    verifier.finish(log.head)
    assert await retention.prune() == 0


async def test_a_trail_that_can_not_be_written_keeps_all_for_now() -> None:
    log = await filled()
    log.is_full = True
    assert await Retention(log, keep=4, sinks=[], clock=lambda: 9.5 * DAY).prune() == 0
    assert len(log.rows) == 10


async def test_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_PRUNE_INTERVAL", 0.01)
    log = await filled()
    now = 9.5 * DAY
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(Retention(log, keep=4, sinks=[], clock=lambda: now).run())
        await eventually(lambda: log.anchor.seq == 6, "pruned")
        now = 10.5 * DAY
        await eventually(lambda: log.anchor.seq == 7, "pruned again")
        task.cancel()
