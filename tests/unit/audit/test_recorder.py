"""What is noted is written, in order and once, or it is known that it was not."""

import asyncio
from typing import Any

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from whale.audit import recorder as module
from whale.audit.chain import link
from whale.audit.event import AuditEvent, Kind, decode_event, mark_of, timestamp
from whale.audit.recorder import Recorder
from whale.model.errors import WhaleError


def event(who: str = "alice", **fields: Any) -> AuditEvent:
    return AuditEvent(time=timestamp(0), kind=Kind.OPENED, principal=who, **fields)


@pytest.fixture
def log() -> Memory:
    return Memory()


async def test_what_is_committed_is_written_when_it_returns(log: Memory) -> None:
    recorder = Recorder(log)
    async with recorder.running():
        await recorder.commit(event("a"))
        assert log.who == ["a"]
        recorder.note(event("b"))
        await recorder.commit(event("c"))
        assert log.who == ["a", "b", "c"]
    assert (recorder.written, recorder.queued, recorder.head) == (3, 0, 3)
    log.verify()


async def test_what_is_noted_is_written_before_the_end(log: Memory) -> None:
    recorder = Recorder(log)
    recorder.note(event("before"))
    async with recorder.running():
        for number in range(1200):
            recorder.note(event(str(number)))
    assert log.who == ["before", *map(str, range(1200))]
    assert log.batches <= 5
    log.verify()


async def test_many_that_wait_share_a_transaction(log: Memory) -> None:
    recorder = Recorder(log)
    async with recorder.running(), asyncio.TaskGroup() as tasks:
        log.open.clear()
        for number in range(100):
            tasks.create_task(recorder.commit(event(str(number))))
        await eventually(lambda: recorder.queued == 100, "queued")
        log.open.set()
    assert log.batches <= 2


async def test_refuses_what_can_not_be_written_and_writes_it_later(log: Memory) -> None:
    recorder = Recorder(log)
    log.is_full = True
    async with recorder.running():
        for _ in range(2):
            with pytest.raises(WhaleError) as refused:
                await recorder.commit(event("a"))
            assert refused.value.code == "audit.unavailable"
            assert "full" in refused.value.detail
        assert recorder.failures >= 2
        log.is_full = False
        await recorder.commit(event("b"))  # at once, and not after a pause
    assert log.who == ["a", "a", "b"]
    log.verify()


async def test_goes_on_where_it_is_only_to_be_known(log: Memory) -> None:
    recorder = Recorder(log, on_failure="alarm")
    log.is_full = True
    async with recorder.running():
        await recorder.commit(event("a"))
        assert recorder.failures == 1
        log.is_full = False
    assert log.who == ["a"]


async def test_waits_no_longer_than_its_deadline(log: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_TIMEOUT", 0.05)
    recorder = Recorder(log)
    log.open.clear()
    async with recorder.running():
        with pytest.raises(WhaleError) as refused:
            await recorder.commit(event("a"))
        assert refused.value.code == "audit.unavailable"
        log.open.set()
        await eventually(lambda: recorder.queued == 0, "written")
    assert log.who == ["a"], "a write that is under way is not done twice"


async def test_what_there_is_no_room_for_is_counted_and_an_event_says_so(
    log: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_AUDIT_QUEUE", 3)
    recorder = Recorder(log)
    for number in range(5):
        recorder.note(event(str(number)))
    with pytest.raises(WhaleError, match="audit trail"):
        await recorder.commit(event("x"))
    assert (recorder.queued, recorder.missed) == (3, 3)
    async with recorder.running():
        pass
    last = decode_event(log.rows[-1].body)
    assert (last.kind, last.count) == (Kind.MISSED, 3)
    assert len(log.rows) == 4
    log.verify()


async def test_tries_again_by_itself(log: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_RETRY_INTERVAL", 0.01)
    recorder = Recorder(log)
    log.is_full = True
    async with recorder.running():
        recorder.note(event("a"))
        await eventually(lambda: recorder.failures > 2, "tried again")
        log.is_full = False
        await eventually(lambda: log.who == ["a"], "written")


async def test_leaves_what_can_not_be_written_at_the_end(log: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_TIMEOUT", 0.05)
    recorder = Recorder(log)
    log.is_full = True
    async with recorder.running():
        recorder.note(event())
    assert recorder.queued == 1


async def test_what_is_no_unicode_stops_nothing(log: Memory) -> None:
    recorder = Recorder(log)
    async with recorder.running():
        await recorder.commit(event("a\ud800", command=("x\udfff",)))
    assert log.who == ["a\\ud800"]
    log.verify()


async def test_the_error_of_the_block_stays_its_own(log: Memory) -> None:
    with pytest.raises(ZeroDivisionError):
        async with Recorder(log).running():
            raise ZeroDivisionError


async def test_tells_who_waits_for_more(log: Memory) -> None:
    recorder = Recorder(log)

    async def wait() -> None:
        async with recorder.grown:
            await recorder.grown.wait_for(lambda: recorder.head > 0)

    async with recorder.running(), asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(wait())
        recorder.note(event())


async def test_what_was_written_when_the_database_was_lost_is_not_written_again(log: Memory) -> None:
    recorder = Recorder(log)
    async with recorder.running():
        await recorder.commit(event("a"))
        log.is_lost = True
        with pytest.raises(WhaleError):
            await recorder.commit(event("b"))
        assert log.who == ["a", "b"]
        log.is_lost = False
        # Another process has written meanwhile, and more waits here.
        await log.append(lambda head: link([event("elsewhere")], after=head), mark=mark_of)
        recorder.note(event("c"))
        await recorder.commit(event("d"))
    assert log.who == ["a", "b", "elsewhere", "c", "d"]
    assert (recorder.written, recorder.queued) == (4, 0)
    log.verify()


async def test_what_was_lost_twice_is_not_taken_for_done(log: Memory) -> None:
    recorder = Recorder(log)
    async with recorder.running():
        for is_full, is_lost in ((True, False), (False, True), (True, False)):
            log.is_full, log.is_lost = is_full, is_lost
            with pytest.raises(WhaleError):
                await recorder.commit(event(f"full {is_full}"))
        log.is_full = log.is_lost = False
        await recorder.commit(event("last"))
    assert log.who == ["full True", "full False", "full True", "last"]
    log.verify()
