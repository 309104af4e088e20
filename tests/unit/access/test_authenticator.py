"""From a header to a principal, with a token table in memory that can fail, hang and change."""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from whale.access import authenticator as room
from whale.access.authenticator import Authenticator
from whale.access.tokens import NewToken, create_token
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.ids import TokenId
from whale.model.principal import Action, Principal, PrincipalKind, Scope


class Row(NamedTuple):
    id: TokenId
    name: str
    digest: bytes
    expires: int | None = None
    revoked: int | None = None
    last_used: int | None = None
    groups: tuple[str, ...] = ("team-x",)
    scope: Scope | None = Scope((Action.EXEC,))
    kind: PrincipalKind = PrincipalKind.MACHINE

    @property
    def lives_by(self) -> TokenId:
        return self.id


class Table:
    """A token table in memory. `error` is raised instead of an answer; `hangs` never answers."""

    def __init__(self) -> None:
        self.rows: dict[TokenId, Row] = {}
        self.touched: list[tuple[TokenId, int]] = []
        self.get_error: WhaleError | None = None
        self.touch_error: WhaleError | None = None
        self.get_hangs = self.touch_hangs = False
        self.touch_attempts = 0

    def add(self, name: str) -> NewToken:
        made = create_token()
        self.rows[made.id] = Row(made.id, name, made.digest)
        return made

    async def get(self, token_id: TokenId) -> Row | None:
        if self.get_hangs:
            await asyncio.Event().wait()
        if self.get_error is not None:
            raise self.get_error
        return self.rows.get(token_id)

    async def valid(self, ids: Collection[TokenId], *, at: int) -> dict[TokenId, tuple[str, ...]]:
        rows = [row for id in ids if (row := await self.get(id)) is not None and row.revoked is None]
        return {row.id: row.groups for row in rows if row.expires is None or row.expires > at}

    async def touch(self, token_id: TokenId, *, at: int) -> None:
        self.touch_attempts += 1
        if self.touch_hangs:
            await asyncio.Event().wait()
        if self.touch_error is not None:
            raise self.touch_error
        self.touched.append((token_id, at))
        self.rows[token_id] = self.rows[token_id]._replace(last_used=at)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.5

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(table: Table, clock: Clock) -> Authenticator:
    return Authenticator(table, clock=clock)


def bearer(made: NewToken) -> str:
    return f"Bearer {made.text.reveal()}"


def full_disk() -> WhaleError:
    return WhaleError("the disk is full", code="server.disk_full", detail="/secret/place")


async def test_a_good_token_is_a_principal(door: Authenticator, table: Table) -> None:
    made = table.add("alice")
    assert await door.authenticate(bearer(made)) == Principal(
        "alice", made.id, ("team-x",), scope=Scope((Action.EXEC,))
    )


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "  Bearer   {}  "])
async def test_the_scheme_is_read_as_http_says(door: Authenticator, table: Table, form: str) -> None:
    made = table.add("alice")
    assert (await door.authenticate(form.format(made.text.reveal()))).name == "alice"


@pytest.mark.parametrize("header", [None, "", "  "])
async def test_no_credential_has_its_own_code(door: Authenticator, header: str | None) -> None:
    with pytest.raises(AuthenticationError) as caught:
        await door.authenticate(header)
    assert caught.value.code == "auth.missing"
    assert "WHALE_TOKEN" in caught.value.hint


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "whale_abc", "Bearer x", "Bearer whale_x"])
async def test_other_headers_are_invalid(door: Authenticator, table: Table, header: str) -> None:
    table.get_error = full_disk()  # would be noticed: none of these gets as far as the table
    with pytest.raises(AuthenticationError) as caught:
        await door.authenticate(header)
    assert caught.value.code == "auth.invalid"


async def test_a_huge_header_is_not_looked_at(door: Authenticator, table: Table) -> None:
    made = table.add("alice")
    with pytest.raises(AuthenticationError, match="not understood"):
        await door.authenticate(" " * room.MAX_HEADER + bearer(made))


async def test_an_unknown_token_is_invalid(door: Authenticator) -> None:
    with pytest.raises(AuthenticationError, match="not valid"):
        await door.authenticate(bearer(create_token()))


async def test_revoking_acts_at_once(door: Authenticator, table: Table) -> None:
    made = table.add("alice")
    await door.authenticate(bearer(made))
    table.rows[made.id] = table.rows[made.id]._replace(revoked=1)
    with pytest.raises(AuthenticationError, match="revoked"):
        await door.authenticate(bearer(made))


async def test_expiry_follows_the_clock(door: Authenticator, table: Table, clock: Clock) -> None:
    made = table.add("alice")
    table.rows[made.id] = table.rows[made.id]._replace(expires=1_000_002)
    clock.now = 1_000_001.9
    await door.authenticate(bearer(made))
    clock.now = 1_000_002.0
    with pytest.raises(AuthenticationError, match="expired"):
        await door.authenticate(bearer(made))


async def test_a_failing_table_never_opens_the_door(door: Authenticator, table: Table) -> None:
    made = table.add("alice")
    table.get_error = full_disk()
    with pytest.raises(WhaleError) as caught:
        await door.authenticate(bearer(made))
    assert caught.value.code == "auth.unavailable"
    assert not isinstance(caught.value, AuthenticationError)
    assert "/secret/place" in caught.value.detail
    assert "/secret/place" not in caught.value.message + caught.value.hint


async def test_a_table_that_does_not_answer_is_unavailable(
    door: Authenticator, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "TABLE_TIMEOUT", 0.01)
    made = table.add("alice")
    table.get_hangs = True
    with pytest.raises(WhaleError) as caught:
        await door.authenticate(bearer(made))
    assert caught.value.code == "auth.unavailable"
    assert "in time" in caught.value.detail


async def test_last_use_is_noted_once_a_minute(door: Authenticator, table: Table, clock: Clock) -> None:
    made, other = table.add("alice"), table.add("bob")
    for second in (0, 1, 59.4, 60, 61, 119, 125):
        clock.now = 1_000_000 + second
        await door.authenticate(bearer(made))
    assert table.touched == [(made.id, 1_000_000), (made.id, 1_000_060), (made.id, 1_000_125)]
    await door.authenticate(bearer(other))
    assert table.touched[-1] == (other.id, 1_000_125)


async def test_another_server_noted_it_already(door: Authenticator, table: Table) -> None:
    made = table.add("alice")
    table.rows[made.id] = table.rows[made.id]._replace(last_used=999_990)
    await door.authenticate(bearer(made))
    assert table.touched == []


async def test_a_last_use_that_can_not_be_noted_fails_nothing(door: Authenticator, table: Table, clock: Clock) -> None:
    made = table.add("alice")
    table.touch_error = full_disk()
    with capture_logs() as logs:
        for _ in range(3):
            assert (await door.authenticate(bearer(made))).name == "alice"
    assert table.touch_attempts == 1
    assert [(line["log_level"], line["principal"]) for line in logs] == [("warning", "alice")]
    assert made.text.reveal()[18:] not in str(logs)
    clock.now += 60
    table.touch_error = None
    await door.authenticate(bearer(made))
    assert table.touched == [(made.id, 1_000_060)]


async def test_a_last_use_that_takes_long_holds_nobody_up(
    door: Authenticator, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "TOUCH_TIMEOUT", 0.01)
    made = table.add("alice")
    table.touch_hangs = True
    with capture_logs() as logs:
        assert (await door.authenticate(bearer(made))).name == "alice"
    assert "in time" in logs[0]["reason"]


async def test_a_cancelled_request_is_cancelled(door: Authenticator, table: Table) -> None:
    made = table.add("alice")
    table.get_hangs = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await door.authenticate(bearer(made))


async def test_the_memory_of_uses_is_bounded(door: Authenticator, table: Table, clock: Clock) -> None:
    for number in range(200):
        clock.now += 1
        await door.authenticate(bearer(table.add(f"user{number}")))
    assert len(door._touched) <= room.TOUCH_INTERVAL


async def test_a_principal_is_asked_for_again(table: Table, clock: Clock) -> None:
    made = table.add("alice")
    who = Authenticator(table, clock=clock)
    before = Principal("alice", made.id, ("old",), scope=Scope((Action.EXEC,)), kind=PrincipalKind.USER)
    assert await who.recheck(before) == before._replace(groups=("team-x",))
    row = table.rows[made.id]
    for spent in (row._replace(revoked=1), row._replace(expires=1)):
        table.rows[made.id] = spent
        with pytest.raises(AuthenticationError) as refused:
            await who.recheck(before)
        assert refused.value.is_spent
    del table.rows[made.id]
    with pytest.raises(AuthenticationError):
        await who.recheck(before)
    table.get_error = WhaleError("no")
    with pytest.raises(WhaleError) as failed:
        await who.recheck(before)
    assert failed.value.code == "auth.unavailable"


def test_a_bearer_may_be_as_long_as_is_said() -> None:
    assert room.bearer("Bearer " + "x" * 5000, most=8000) == "x" * 5000
    with pytest.raises(AuthenticationError):
        room.bearer("Bearer " + "x" * 5000)
