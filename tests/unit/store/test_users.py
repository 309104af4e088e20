"""The table of people on a real file."""

import pytest

from whale.model.errors import UsageError, WhaleError
from whale.model.ids import TokenId
from whale.store.database import Database
from whale.store.logins import LoginTable, Turn
from whale.store.tokens import TokenRow, TokenTable
from whale.store.users import UserRow, UserTable

NOW = 1_800_000_000
ALICE = UserRow("u-alice", "alice", NOW, ("developer", "team-x"))
ISSUER = "https://id.example"
VOUCHED = UserRow("u-bob", "bob", NOW, ("a",), ISSUER, "4711")


@pytest.fixture
def table(database: Database) -> UserTable:
    return UserTable(database)


async def test_a_row_comes_back_as_it_went_in(table: UserTable) -> None:
    for row in (VOUCHED, ALICE):
        await table.add(row)
    assert await table.find("alice") == ALICE
    assert await table.find("carol") is None
    assert await table.list() == [ALICE, VOUCHED]


async def test_a_name_is_one_persons_or_one_tokens(database: Database, table: UserTable) -> None:
    await table.add(ALICE)
    tokens = TokenTable(database)
    with pytest.raises(UsageError, match="person named alice"):
        await tokens.insert(TokenRow(TokenId("t1"), "alice", bytes(32), NOW))
    await tokens.insert(TokenRow(TokenId("t2"), "bob", bytes(32), NOW))
    await tokens.insert(TokenRow(TokenId("t3"), "carol", bytes(32), NOW, NOW + 1))
    for row in (ALICE._replace(id="other"), VOUCHED, UserRow("c", "carol", NOW)):
        with pytest.raises(WhaleError) as caught:
            await table.add(row)
        assert caught.value.code == "login.name"
    with pytest.raises(WhaleError, match="bob"):
        await table.vouched(VOUCHED)
    await tokens.revoke("bob", at=NOW)
    await table.add(VOUCHED)
    await table.add(UserRow("c", "carol", NOW + 1))


async def test_whom_a_provider_vouches_for_keeps_the_first_name(table: UserTable) -> None:
    assert await table.vouched(VOUCHED) == VOUCHED
    later = VOUCHED._replace(id="new", name="alice", groups=("b",), created=NOW + 1)
    assert await table.vouched(later) == VOUCHED._replace(groups=("b",))
    other = VOUCHED._replace(id="u-2", name="bob2", issuer="https://other.example")
    assert await table.vouched(other) == other
    assert [row.name for row in await table.list()] == ["bob", "bob2"]


async def test_groups_and_removal(table: UserTable) -> None:
    await table.add(ALICE)
    assert await table.set_groups("alice", ("x",))
    assert await table.find("alice") == ALICE._replace(groups=("x",))
    assert await table.remove("alice")
    assert [await table.remove("alice"), await table.set_groups("alice", ())] == [False, False]
    assert await table.set_disabled("alice", NOW) is False


async def test_to_be_disabled_ends_logins_for_good(database: Database, table: UserTable) -> None:
    await table.add(ALICE)
    logins = LoginTable(database)
    turn = Turn(TokenId("a"), bytes(32), TokenId("r"), bytes(32), NOW + 900)
    await logins.begin(TokenId("l"), ALICE.id, turn, at=NOW, expires=NOW + 9000)
    await table.put_enrolment(ALICE.id, id=TokenId("e"), digest=bytes(32), expires=NOW + 60)
    assert await logins.valid(["l"], at=NOW) == {"l": ALICE.groups}  # type: ignore[list-item]
    assert await table.set_disabled("alice", NOW + 1)
    assert (await table.find("alice")) == ALICE._replace(disabled=NOW + 1, last_login=NOW)
    assert await logins.valid([TokenId("l")], at=NOW) == {}
    assert await logins.enrolment(TokenId("e")) is None
    assert await table.set_disabled("alice", None)
    assert await logins.valid([TokenId("l")], at=NOW) == {}
    await table.remove("alice")
    assert await logins.token(TokenId("r"), "refresh") is None
