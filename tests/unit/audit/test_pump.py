"""From the trail to a sink: in order, at least once, whatever fails in between; what is too old is skipped aloud."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from whale.audit import pump as module
from whale.audit.event import AuditEvent, Kind, decode_event, timestamp
from whale.audit.pump import Pump
from whale.audit.recorder import Recorder
from whale.model.audit import NO_EVENT, AuditMark, AuditRow
from whale.model.errors import TransportError, WhaleError


class Trail(Memory):
    """A log that can be read too."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[str, AuditMark] = {}
        self.is_gone = False

    async def after(self, seq: int, *, limit: int) -> Sequence[AuditRow]:
        if self.is_gone:
            raise WhaleError("gone", code="server.database")
        return [row for row in self.rows if row.seq > seq][:limit]

    async def newest(self) -> AuditMark:
        return self.head

    async def mark(self, name: str) -> AuditMark:
        return self.marks.get(name, NO_EVENT)

    async def set_mark(self, name: str, mark: AuditMark) -> None:
        self.marks[name] = mark


class Box:
    """A sink that can be down, or too small."""

    name = "box"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.is_down = False
        self.most = 10_000
        self.closed = 0

    async def deliver(self, lines: Sequence[str]) -> None:
        if self.is_down or len(lines) > self.most:
            raise TransportError("down")
        self.seen += [decode_event(line).seq for line in lines]

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_SINK_PAUSE", 0.005)
    monkeypatch.setattr(module, "MAX_AUDIT_SINK_PAUSE", 0.02)


def note(recorder: Recorder, count: int) -> None:
    for _ in range(count):
        recorder.note(AuditEvent(time=timestamp(0), kind=Kind.STARTED))


@asynccontextmanager
async def running(pump: Pump) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pump.run())
        yield
        task.cancel()


async def test_everything_arrives_in_order_and_is_noted() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    pump = Pump(box, log, recorder, spool=10_000)
    async with recorder.running(), running(pump):
        note(recorder, 1200)
        await eventually(lambda: len(box.seen) == 1200, "delivered")
        note(recorder, 1)
        await eventually(lambda: log.marks.get("sink:box", NO_EVENT).seq == 1201, "noted")
    assert box.seen == list(range(1, 1202))
    assert (pump.behind, pump.delivered, box.closed) == (0, 1201, 1)


async def test_nothing_is_lost_while_the_sink_is_down() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    pump = Pump(box, log, recorder, spool=10_000)
    box.is_down = True
    async with recorder.running(), running(pump):
        note(recorder, 100)
        await eventually(lambda: pump.failures > 3, "tried again")
        assert pump.behind == 100
        box.is_down = False
        await eventually(lambda: len(box.seen) == 100, "delivered")
    assert box.seen == list(range(1, 101))


async def test_a_batch_that_is_too_big_gets_smaller() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    box.most = 3
    async with recorder.running(), running(Pump(box, log, recorder, spool=10_000)):
        note(recorder, 50)
        await eventually(lambda: len(box.seen) == 50, "delivered")
    assert box.seen == list(range(1, 51))


async def test_a_server_that_was_killed_goes_on_where_it_was() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    async with recorder.running():
        note(recorder, 10)
    log.marks["sink:box"] = AuditMark(7, "x")
    async with running(Pump(box, log, recorder, spool=10_000)):
        await eventually(lambda: len(box.seen) == 3, "delivered")
    assert box.seen == [8, 9, 10]


async def test_what_is_too_old_is_skipped_and_an_event_says_so() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    async with recorder.running():
        note(recorder, 20)
    log.marks["sink:box"] = AuditMark(4, "x")
    pump = Pump(box, log, recorder, spool=10)
    async with recorder.running(), running(pump):
        await eventually(lambda: 21 in box.seen, "delivered, and said")
    assert box.seen == list(range(11, 22))
    skipped = log.events[-1]
    assert (skipped.kind, skipped.count, skipped.through, skipped.sink) == (Kind.SKIPPED, 6, 10, "box")
    assert pump.skipped == 6
    log.verify()


async def test_what_was_deleted_is_skipped_aloud_too() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    async with recorder.running():
        note(recorder, 6)
    del log.rows[:4]
    log.marks["sink:box"] = AuditMark(2, "x")
    async with recorder.running(), running(Pump(box, log, recorder, spool=100)):
        await eventually(lambda: len(box.seen) == 3, "delivered")
    assert (log.events[-1].kind, log.events[-1].count, log.events[-1].through) == (Kind.SKIPPED, 2, 4)


async def test_a_new_sink_begins_with_what_there_is() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    async with recorder.running():
        note(recorder, 20)
    async with recorder.running(), running(pump := Pump(box, log, recorder, spool=5)):
        await eventually(lambda: len(box.seen) == 5, "delivered")
    assert (box.seen, pump.skipped) == ([16, 17, 18, 19, 20], 0)
    assert len(log.rows) == 20


async def test_a_trail_that_can_not_be_read_is_tried_again() -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    log.is_gone = True
    pump = Pump(box, log, recorder, spool=100)
    async with recorder.running(), running(pump):
        note(recorder, 1)
        await eventually(lambda: pump.failures > 1, "tried")
        log.is_gone = False
        await eventually(lambda: box.seen == [1], "delivered")


async def test_the_last_ones_are_delivered_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    log, box = Trail(), Box()
    recorder = Recorder(log)
    pump = Pump(box, log, recorder, spool=10_000)
    async with recorder.running():
        note(recorder, 1500)
    await pump.finish()
    assert len(box.seen) == 1500
    assert log.marks["sink:box"].seq == 1500
    box.is_down = True
    async with recorder.running():
        note(recorder, 1)
    await pump.finish()
    assert box.closed == 2


async def test_what_other_processes_write_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_POLL_INTERVAL", 0.01)
    log, box = Trail(), Box()
    async with running(Pump(box, log, Recorder(log), spool=100)):
        other = Recorder(log)
        async with other.running():
            note(other, 2)
        await eventually(lambda: box.seen == [1, 2], "found")
