"""What lives by a token ends with it, and with nothing else."""

import asyncio
from collections.abc import Callable, Collection

import pytest

from tests.engines import eventually
from tests.unit.broker.conftest import ALICE, BOB, House
from whale.broker import revocation
from whale.broker.readers import Readers, Right
from whale.broker.review import Review
from whale.broker.revocation import Revocation
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action
from whale.model.role import Role
from whale.session.attachment import Attachment

SHELL = ExecSpec(tty=True, stdin=True)
NOW = 1_800_000_000.5


class Table:
    """A table of tokens in memory."""

    def __init__(self) -> None:
        self.revoked: set[TokenId] = set()
        self.groups: dict[TokenId, tuple[str, ...]] = {}
        self.error: WhaleError | None = None
        self.is_stuck = False
        self.asked: list[tuple[set[TokenId], int]] = []

    async def valid(self, ids: Collection[TokenId], *, at: int) -> dict[TokenId, tuple[str, ...]]:
        self.asked.append((set(ids), at))
        if self.error is not None:
            raise self.error
        if self.is_stuck:
            await asyncio.Event().wait()
        return {each: self.groups.get(each, ()) for each in ids if each not in self.revoked}


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def readers() -> Readers:
    return Readers()


@pytest.fixture
def watch(house: House, table: Table, readers: Readers) -> Revocation:
    review = Review(house.judge, house.registry, readers, house.approvals)
    return Revocation(table, house.registry, readers, review, house.approvals, clock=lambda: NOW)


async def joined(house: House, owner: Attachment, *, role: Role = Role.VIEWER, key: str = "b") -> Attachment:
    """Bob joins."""
    house.judge.others = {Action.VIEW, Action.ATTACH}
    return await house.sessions.join(BOB, owner.session.id, role=role, key=key, size=None)


def heard(attachment: Attachment) -> list[bool]:
    told: list[bool] = []
    attachment.listen(lambda: told.append(attachment.is_revoked))
    return told


async def test_asks_once_for_all_and_for_nobody_when_there_is_none(
    house: House, watch: Revocation, table: Table
) -> None:
    await watch.check()
    assert table.asked == []
    owner = await house.sessions.open(ALICE, "web", SHELL)
    await house.sessions.open(ALICE, "db", SHELL)
    await joined(house, owner)
    await watch.check()
    assert table.asked == [({ALICE.token_id, BOB.token_id}, int(NOW))]
    assert house.registry.live == 2


async def test_ends_the_sessions_of_a_token_and_lets_go_of_its_clients(
    house: House, watch: Revocation, table: Table
) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL, key="a")
    other = await house.sessions.open(BOB, "web", SHELL)
    viewer = await joined(house, owner)
    told = heard(owner)
    table.revoked = {ALICE.token_id}
    await watch.check()
    assert told == [True], "it is told at once, and not when the session has ended"
    await eventually(lambda: owner.session.is_over, "the end")
    assert owner.session.status == (None, "auth.revoked")
    assert house.registry.find_attachment(ALICE, "a") is None
    assert not viewer.is_revoked
    assert house.engine.running == 1
    assert not other.session._end_requested
    assert len(house.registry) == 2, "who looks on has to be told how it ended"
    viewer.close()
    await eventually(lambda: len(house.registry) == 1, "nobody to be told")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTROLLER])
async def test_takes_a_token_out_of_the_sessions_of_others(
    house: House, watch: Revocation, table: Table, role: Role
) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    other = await joined(house, owner, role=role)
    told = heard(other)
    table.revoked = {BOB.token_id}
    await watch.check()
    assert told[-1:] == [True]
    assert list(owner.session.audience.members) == [owner]
    assert house.registry.find_attachment(BOB, "b") is None
    other.write_stdin(b"too late")
    assert owner.session.bytes_in == 0
    assert not owner.session._end_requested


async def test_a_session_that_was_left_to_another_is_not_ended_with_that_one(
    house: House, watch: Revocation, table: Table
) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    await joined(house, owner, role=Role.CONTROLLER)
    owner.detach()
    table.revoked = {BOB.token_id}
    await watch.check()
    assert not owner.session._end_requested
    assert owner.session.attendance.is_detached, "it has its time to live"


async def test_the_lost_and_the_detached_are_found_as_well(house: House, watch: Revocation, table: Table) -> None:
    lost = await house.sessions.open(ALICE, "web", SHELL, key="a")
    detached = await house.sessions.open(ALICE, "web", SHELL)
    lost.lose()
    detached.detach()
    table.revoked = {ALICE.token_id}
    await watch.check()
    await eventually(lambda: len(house.registry) == 0, "the end of both")
    assert house.engine.running == 0
    assert house.registry.totals.ended == {"auth.revoked": 2}


async def test_how_it_ended_is_not_kept_for_a_token_that_is_gone(house: House, watch: Revocation, table: Table) -> None:
    attachment = await house.sessions.open(ALICE, "web", ExecSpec(command=("true",)), key="a")
    attachment.lose()
    await eventually(lambda: attachment.session.is_over, "the end")
    table.revoked = {ALICE.token_id}
    await watch.check()
    assert house.registry.find_attachment(ALICE, "a") is None
    assert attachment.session.status == (0, ""), "what is over stays as it was"


async def test_who_follows_a_log_is_told(house: House, watch: Revocation, table: Table, readers: Readers) -> None:
    told: list[str] = []
    rights = [Right(who, Action.LOGS, await house.engine.container("web")) for who in (ALICE, BOB)]
    with (
        readers.reading(rights[0], lambda error: told.append(error.code)),
        readers.reading(rights[1], lambda error: told.append("bob")),
    ):
        table.revoked = {ALICE.token_id}
        await watch.check()
        await watch.check()
        assert table.asked == [({ALICE.token_id, BOB.token_id}, int(NOW)), ({BOB.token_id}, int(NOW))]
    assert told == ["auth.revoked"]


def failing(table: Table) -> None:
    table.error = WhaleError("the table is gone")


def stuck(table: Table) -> None:
    table.is_stuck = True


@pytest.mark.parametrize("breaks", [failing, stuck])
async def test_a_table_that_can_not_be_read_changes_nothing_and_is_said_once(
    house: House, watch: Revocation, table: Table, breaks: Callable[[Table], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("whale.broker.revocation._log.error", lambda event, **_: said.append(event), raising=False)
    monkeypatch.setattr(revocation, "REVOCATION_TIMEOUT", 0.05)
    attachment = await house.sessions.open(ALICE, "web", SHELL)
    table.revoked = {ALICE.token_id}
    breaks(table)
    for _ in range(2):
        await watch.check()
    assert not attachment.is_revoked
    assert said == ["revocation.not_checked"]
    table.error, table.is_stuck = None, False
    table.revoked = set()
    await watch.check()
    failing(table)
    await watch.check()
    assert len(said) == 2, "it is another failure"
    table.error, table.revoked = None, {ALICE.token_id}
    await watch.check()
    assert attachment.session._end_requested


async def test_what_the_next_server_has_is_its_own_to_end(house: House, watch: Revocation, table: Table) -> None:
    attachment = await house.sessions.open(ALICE, "web", SHELL)
    attachment.session.abandon()
    table.revoked = {ALICE.token_id}
    await watch.check()
    assert table.asked == []
    assert not attachment.is_revoked
    assert attachment.session.exec is not None
    await attachment.session.exec.end(attachment.session.end_policy)


async def test_other_rules_are_looked_at_now(house: House, watch: Revocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "REVOCATION_INTERVAL", 100)
    attachment = await house.sessions.open(ALICE, "web", SHELL)
    async with watch.watching():
        await asyncio.sleep(0)
        house.judge.allows, house.judge.generation = False, 1
        watch.look_now()
        await eventually(lambda: attachment.session._end_requested, "the end")


async def test_other_rules_count_while_the_table_can_not_be_read(house: House, watch: Revocation, table: Table) -> None:
    attachment = await house.sessions.open(ALICE, "web", SHELL)
    await watch.check()
    failing(table)
    house.judge.allows, house.judge.generation = False, 1
    await watch.check()
    assert attachment.session._end_requested


async def test_looks_again_and_again_until_the_end_of_the_block(
    house: House, watch: Revocation, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "REVOCATION_INTERVAL", 0.01)
    attachment = await house.sessions.open(ALICE, "web", SHELL)
    async with watch.watching():
        await eventually(lambda: len(table.asked) >= 3, "several looks")
        table.revoked = {ALICE.token_id}
        await eventually(lambda: attachment.is_revoked, "the end")
    looks = len(table.asked)
    await asyncio.sleep(0.05)
    assert len(table.asked) == looks
