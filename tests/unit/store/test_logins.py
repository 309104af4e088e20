"""The tables of logins on a real file."""

import asyncio

import pytest

from whale.model.ids import TokenId
from whale.model.limits import MAX_LOGINS_EACH
from whale.model.principal import PrincipalKind
from whale.store import logins as room
from whale.store.database import Database
from whale.store.logins import ACCESS, KEPT_AFTER_END, REFRESH, LoginTable, LoginToken, Turn
from whale.store.users import UserRow, UserTable

NOW = 1_800_000_000
END = NOW + 9000
LOGIN = TokenId("login")
ALICE = UserRow("u-alice", "alice", NOW, ("team-x",))


def turn(number: int, *, at: int = NOW) -> Turn:
    return Turn(TokenId(f"a{number}"), bytes([number]) * 32, TokenId(f"r{number}"), bytes([99, number]) * 16, at + 900)


@pytest.fixture
async def table(database: Database) -> LoginTable:
    await UserTable(database).add(ALICE)
    made = LoginTable(database)
    assert await made.begin(LOGIN, ALICE.id, turn(1), at=NOW, expires=END) == []
    return made


async def shown(table: LoginTable, token: str, purpose: str = REFRESH) -> LoginToken:
    found = await table.token(TokenId(token), purpose)
    assert found is not None
    return found


async def test_a_login_has_two_tokens(table: LoginTable) -> None:
    access = await shown(table, "a1", ACCESS)
    assert access == LoginToken(
        TokenId("a1"), "alice", bytes([1]) * 32, NOW + 900, None, None, ("team-x",), ALICE.id, LOGIN, 1, 1
    )
    assert (access.lives_by, access.kind) == (LOGIN, PrincipalKind.USER)
    refresh = await shown(table, "r1")
    assert (refresh.digest, refresh.expires) == (bytes([99, 1]) * 16, END)
    assert [await table.token(TokenId("a1"), REFRESH), await table.token(TokenId("r1"), ACCESS)] == [None, None]


async def test_no_access_token_outlives_its_login(table: LoginTable) -> None:
    await table.begin(TokenId("short"), ALICE.id, turn(7), at=NOW, expires=NOW + 5)
    assert (await shown(table, "a7", ACCESS)).expires == NOW + 5


async def test_a_turn_retires_the_one_before(table: LoginTable) -> None:
    assert await table.rotate(await shown(table, "r1"), turn(2), at=NOW + 1)
    old = await shown(table, "r1")
    assert (old.last_used, old.turn, old.newest, old.is_answer_used) == (NOW + 1, 1, 2, False)
    assert (await shown(table, "a1", ACCESS)).last_used is None, "what is on its way with it still works"
    await table.touch(TokenId("a2"), at=NOW + 2)
    assert (await shown(table, "r1")).is_answer_used
    assert await table.rotate(await shown(table, "r2"), turn(3, at=NOW + 901), at=NOW + 901)
    assert await table.token(TokenId("a1"), ACCESS) is None


async def test_of_two_at_the_same_moment_one_is_first(table: LoginTable) -> None:
    row = await shown(table, "r1")
    results = await asyncio.gather(*(table.rotate(row, turn(n), at=NOW) for n in range(2, 6)))
    assert sorted(results) == [False, False, False, True]
    assert await table.repeat(row, turn(9)) is False


async def test_a_lost_turn_is_taken_back(table: LoginTable) -> None:
    await table.rotate(await shown(table, "r1"), turn(2), at=NOW)
    assert await table.repeat(await shown(table, "r1"), turn(3))
    assert await table.token(TokenId("a2"), ACCESS) is None
    lost = await shown(table, "r2")
    assert (lost.last_used, lost.turn, lost.newest) == (0, 2, 3)
    again = await shown(table, "r1")
    assert (again.last_used, again.turn, again.newest, again.is_answer_used) == (NOW, 2, 3, False)


async def test_a_login_that_ended_has_no_turns(table: LoginTable) -> None:
    row = await shown(table, "r1")
    assert await table.valid([LOGIN, TokenId("other")], at=NOW) == {LOGIN: ("team-x",)}
    assert await table.valid([LOGIN], at=END) == {}
    assert [await table.revoke(LOGIN, at=NOW), await table.revoke(LOGIN, at=NOW)] == [True, False]
    assert await table.valid([LOGIN], at=NOW) == {}
    assert await table.rotate(row, turn(2), at=NOW) is False
    assert (await shown(table, "r1")).revoked == NOW
    assert (await shown(table, "a1", ACCESS)).revoked == NOW


async def test_a_link_is_good_once(table: LoginTable, database: Database) -> None:
    users = UserTable(database)
    for number in (8, 9):
        await users.put_enrolment(ALICE.id, id=TokenId(f"e{number}"), digest=bytes([number]) * 32, expires=NOW + 60)
    assert await table.enrolment(TokenId("e8")) is None, "the new one took its place"
    link = await table.enrolment(TokenId("e9"))
    assert link is not None
    assert (link.name, link.digest, link.expires, link.user_id) == ("alice", bytes([9]) * 32, NOW + 60, ALICE.id)
    begin = [
        table.begin(TokenId(f"l{n}"), ALICE.id, turn(n), at=NOW, expires=END, enrolment=link.id) for n in range(2, 6)
    ]
    begun_by = [each is not None for each in await asyncio.gather(*begin)]
    assert sorted(begun_by) == [False, False, False, True]


async def test_old_logins_are_forgotten(table: LoginTable) -> None:
    late = END + KEPT_AFTER_END + 1
    await table.begin(TokenId("new"), ALICE.id, turn(2), at=late, expires=late + 60)
    assert await table.token(TokenId("r1"), REFRESH) is None


async def test_a_refresh_token_is_not_touched(table: LoginTable) -> None:
    await table.touch(TokenId("r1"), at=NOW)
    assert (await shown(table, "r1")).last_used is None


async def begun(table: LoginTable, number: int, *, at: int, user: str = ALICE.id, expires: int = END) -> list[str]:
    one = Turn(TokenId(f"A{number}"), bytes(32), TokenId(f"R{number}"), bytes(32), at + 900)
    ended = await table.begin(TokenId(f"L{number}"), user, one, at=at, expires=expires)
    assert ended is not None
    return list(ended)


async def test_of_too_many_the_one_ends_that_was_not_used_for_longest(table: LoginTable, database: Database) -> None:
    await UserTable(database).add(UserRow("u-bob", "bob", NOW))
    for number in range(2, MAX_LOGINS_EACH + 1):
        assert await begun(table, number, at=NOW + number) == []
        assert await begun(table, 1000 + number, at=NOW, user="u-bob") == [], "of each person"
    await table.touch(TokenId("a1"), at=NOW + 500)
    assert await begun(table, 500, at=NOW + 600) == ["L2"], "the first one was used"
    assert await table.rotate(await shown(table, "R3"), turn(77), at=NOW + 601)
    assert await begun(table, 501, at=NOW + 602) == ["L4"], "and the third"
    assert (await shown(table, "R4")).revoked == NOW + 602
    assert set(await table.valid([TokenId("L2"), TokenId("L3"), TokenId("L501")], at=NOW + 602)) == {"L3", "L501"}
    assert await table.revoke(TokenId("L6"), at=NOW + 603)
    assert await begun(table, 502, at=NOW + 603) == [], "one that is over does not count"
    assert await begun(table, 503, at=END) == [], "nor one that has expired"


async def test_of_more_than_that_all_end(table: LoginTable, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2, 6):
        await begun(table, number, at=NOW + number)
    monkeypatch.setattr(room, "MAX_LOGINS_EACH", 2)
    assert await begun(table, 9, at=NOW + 9) == ["L4", "L3", "L2", "login"], "more were allowed before, say"
