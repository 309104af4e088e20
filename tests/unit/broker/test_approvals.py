"""One asks and waits, another one allows exactly that, for a time; everybody else changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.engines import eventually
from tests.unit.broker.conftest import ALICE, BOB, House
from whale.broker.approvals import MIN_TIME
from whale.broker.review import Review
from whale.model.approval import Approval, ApprovalTimes
from whale.model.errors import AccessDenied, TargetError, UsageError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.limits import MAX_APPROVAL_TIME
from whale.model.principal import Action, Principal
from whale.session.attachment import Attachment

CAROL = Principal("carol", TokenId("ghi"))
CAT = ExecSpec(command=("cat",), stdin=True)
SHELL = ExecSpec(tty=True, stdin=True)


@pytest.fixture
def review(house: House) -> Review:
    return Review(house.judge, house.registry, house.broker.readers, house.approvals)


@pytest.fixture(autouse=True)
def _needs_one(house: House) -> None:
    house.judge.approvable = {("alice", Action.EXEC), ("alice", Action.SHELL)}
    house.judge.denied = {("carol", Action.APPROVE)}


class Asked:
    """A request of alice's that waits."""

    def __init__(self, task: asyncio.Task[Attachment], approval: Approval) -> None:
        self.task = task
        self.approval = approval
        self.id = approval.id


@asynccontextmanager
async def asked(house: House, spec: ExecSpec = CAT, *, key: str = "") -> AsyncIterator[Asked]:
    """Ask, until the end of the block."""
    told: list[Approval] = []
    async with asyncio.TaskGroup() as tasks:

        async def ask() -> Attachment:
            return await house.sessions.open(ALICE, "web", spec, key=key, tell=told.append)

        async def quietly() -> Attachment:
            try:
                return await ask()
            except WhaleError as error:
                failures.append(error)
                raise asyncio.CancelledError from error

        failures: list[WhaleError] = []
        task = tasks.create_task(quietly())
        await eventually(lambda: bool(told) or task.done(), "asked")
        yield Asked(task, told[0])
        task.cancel()


async def refused(house: House, asked: Asked) -> WhaleError:
    """Wait for the no."""
    with pytest.raises(asyncio.CancelledError) as caught:
        await asked.task
    assert isinstance(caught.value.__cause__, WhaleError)
    return caught.value.__cause__


async def test_a_yes_lets_exactly_that_begin(house: House) -> None:
    async with asked(house) as one:
        assert not house.registry.sessions()
        made = await house.approvals.allow(BOB, one.id, seconds=600)
        attachment = await one.task
        decision = attachment.session.decision
        assert (decision.allowed, decision.approval, decision.reason) == (True, one.id, "bob has allowed it")
        assert attachment.session.spec == CAT
        assert made.until - made.asked == pytest.approx(600, abs=2)
        assert house.shelf.rows == {one.id: made}
        attachment.close()


async def test_for_its_time_the_same_may_begin_again_and_nothing_else(house: House) -> None:
    async with asked(house) as one:
        await house.approvals.allow(BOB, one.id, seconds=None)
        (await one.task).close()
    async with asyncio.timeout(5):
        (await house.sessions.open(ALICE, "web", CAT)).close()
    async with asked(house, CAT._replace(user="root")) as other:
        assert other.id != one.id


async def test_a_no_is_said_with_why(house: House) -> None:
    async with asked(house) as one:
        await house.approvals.deny(BOB._replace(purpose="not now"), one.id)
        error = await refused(house, one)
        assert (error.code, error.message) == ("approval.denied", "bob has denied it: not now")
    assert await house.approvals.list(BOB) == []


async def test_nobody_allows_their_own(house: House) -> None:
    async with asked(house) as one:
        for own in (ALICE, ALICE._replace(token_id=TokenId("other"), groups=("leads",))):
            with pytest.raises(AccessDenied, match="themselves"):
                await house.approvals.allow(own, one.id, seconds=None)
        assert not one.task.done()


async def test_what_one_may_not_allow_is_not_there(house: House) -> None:
    async with asked(house) as one:
        for act in (house.approvals.allow(CAROL, one.id, seconds=None), house.approvals.deny(CAROL, one.id)):
            with pytest.raises(TargetError) as missing:
                await act
            assert missing.value.code == "approval.not_found"
        assert await house.approvals.list(CAROL) == []
        assert [each.id for each in await house.approvals.list(BOB)] == [one.id]
        assert [each.id for each in await house.approvals.list(ALICE)] == [one.id], "who asks sees that it waits"
        house.judge.hidden = {"web"}
        assert await house.approvals.list(BOB) == []
        with pytest.raises(TargetError):
            await house.approvals.allow(BOB, one.id, seconds=None)
    for act in (house.approvals.allow(BOB, one.id, seconds=None), house.approvals.deny(BOB, one.id)):
        with pytest.raises(TargetError):
            await act


async def test_a_request_is_gone_with_who_asked(house: House) -> None:
    async with asked(house) as one:
        one.task.cancel()
        await eventually(lambda: one.task.done(), "left")
        assert await house.approvals.list(BOB) == []


async def test_it_is_decided_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asked(house) as one:
        results = await asyncio.gather(
            *(house.approvals.allow(BOB, one.id, seconds=None) for _ in range(3)), return_exceptions=True
        )
        assert sorted(type(result).__name__ for result in results) == ["Approval", "TargetError", "TargetError"]
        (await one.task).close()


async def test_what_can_not_be_written_is_not_allowed(house: House) -> None:
    async with asked(house) as one:
        house.shelf.error = WhaleError("full", code="server.disk_full")
        with pytest.raises(WhaleError, match="full"):
            await house.approvals.allow(BOB, one.id, seconds=None)
        assert not one.task.done()
        house.shelf.error = None
        await house.approvals.allow(BOB, one.id, seconds=None)
        (await one.task).close()


@pytest.mark.parametrize("seconds", [0, MIN_TIME - 1, MAX_APPROVAL_TIME + 1])
async def test_the_time_has_bounds(house: House, seconds: int) -> None:
    async with asked(house) as one:
        with pytest.raises(UsageError):
            await house.approvals.allow(BOB, one.id, seconds=seconds)
        assert not one.task.done()


async def test_nobody_waits_for_ever(house: House) -> None:
    house.approvals._times = ApprovalTimes(wait=1)
    async with asked(house) as one:
        error = await refused(house, one)
        assert error.code == "approval.expired"
    assert await house.approvals.list(BOB) == []


async def test_the_same_request_on_another_connection_is_the_same(house: House) -> None:
    async with asked(house, key="a") as one, asked(house, key="a") as again:
        assert again.id == one.id
        await house.approvals.allow(BOB, one.id, seconds=None)
        first, second = await one.task, await again.task
        assert first.session is second.session
        assert house.registry.live == 1
        second.close()


async def test_the_policy_is_asked_again_after_a_yes(house: House) -> None:
    async with asked(house) as one:
        house.judge.denied = {("alice", Action.EXEC)}
        await house.approvals.allow(BOB, one.id, seconds=None)
        assert (await refused(house, one)).code == "access.denied"
    assert house.registry.live == 0


async def test_who_waits_is_told_when_the_token_or_the_right_is_gone(house: House, review: Review) -> None:
    async with asked(house) as one:
        await review.check({ALICE.token_id: ()})
        assert not one.task.done(), "to need an approval is no reason to end the wait for it"
        house.judge.generation += 1
        house.judge.denied = {("alice", Action.EXEC)}
        await review.check({ALICE.token_id: ()})
        assert (await refused(house, one)).code == "access.withdrawn"
    house.judge.denied = set()
    async with asked(house) as other:
        house.broker.readers.revoke({ALICE.token_id})
        assert (await refused(house, other)).code == "auth.revoked"


async def running(house: House) -> tuple[Attachment, str]:
    async with asked(house, SHELL) as one:
        await house.approvals.allow(BOB, one.id, seconds=MIN_TIME)
        return await one.task, one.id


async def test_a_session_ends_with_its_approval(house: House, review: Review) -> None:
    attachment, id = await running(house)
    await review.check({ALICE.token_id: ()})
    assert not attachment.session._end_requested
    house.approvals._clock = lambda: house.shelf.rows[id].until + 1.0
    await review.check({ALICE.token_id: ()})
    assert attachment.is_revoked
    await eventually(lambda: attachment.session.is_over, "the end")
    assert attachment.session.status == (None, "approval.over")


@pytest.mark.parametrize("who", [BOB, ALICE])
async def test_what_was_allowed_can_be_ended_by_both(house: House, review: Review, who: Principal) -> None:
    attachment, id = await running(house)
    with pytest.raises(TargetError):
        await house.approvals.deny(CAROL, id)
    await house.approvals.deny(who, id)
    assert (house.shelf.rows, house.approvals.is_running(id)) == ({}, False)
    await review.check({ALICE.token_id: ()})
    assert attachment.is_revoked


async def test_the_next_server_knows_what_was_allowed(house: House, review: Review) -> None:
    attachment, id = await running(house)
    house.approvals._running.clear()
    await house.approvals.load()
    await review.check({ALICE.token_id: ()})
    assert not attachment.is_revoked
    assert [(each.id, each.approver) for each in await house.approvals.list(BOB)] == [(id, "bob")]
    house.approvals._clock = lambda: house.shelf.rows[id].until + 1.0
    house.approvals.expire()
    assert house.approvals._running == {}
    attachment.close()


async def test_what_is_given_or_ended_while_the_table_is_read_stays_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, old = await running(house)
    real = house.shelf.running

    async def slowly(*, at: int) -> list[Approval]:
        found = await real(at=at)
        await house.approvals.deny(BOB, old)
        async with asked(house, CAT) as one:
            await house.approvals.allow(BOB, one.id, seconds=None)
            (await one.task).close()
        return found

    monkeypatch.setattr(house.shelf, "running", slowly)
    await house.approvals.load()
    [approval] = house.approvals._running.values()
    assert approval.id != old
    assert approval.command == ("cat",)
    first.close()
