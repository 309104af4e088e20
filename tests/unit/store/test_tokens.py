"""The table of tokens on a real file."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.unit.store.conftest import fill
from whale.model.errors import UsageError, WhaleError
from whale.model.ids import TokenId
from whale.model.principal import Action, Scope
from whale.store.database import Database
from whale.store.federated import FederatedTokens
from whale.store.place import StorePlace
from whale.store.tokens import TokenRow, TokenTable

NOW = 1_800_000_000


@pytest.fixture
def table(database: Database) -> TokenTable:
    return TokenTable(database)


def row(number: int, name: str, *, created: int = NOW, expires: int | None = None) -> TokenRow:
    return TokenRow(TokenId(f"{number:012}"), name, bytes([number]) * 32, created, expires)


async def test_a_row_comes_back_as_it_went_in(table: TokenTable) -> None:
    full = TokenRow(TokenId("a" * 12), "alice", bytes(range(32)), NOW, NOW + 2**33, NOW + 1, NOW + 2, ("a", "b"))
    full = full._replace(scope=Scope((Action.EXEC,), ("label:a=b", "name:web")), rule="r" * 64, proof="p" * 64)
    await table.insert(full)
    assert await table.get(full.id) == full
    bare = row(1, "bob")
    await table.insert(bare)
    assert await table.get(bare.id) == bare


async def test_an_unknown_id_is_none(table: TokenTable) -> None:
    await table.insert(row(1, "alice"))
    assert await table.get(TokenId("' OR 1=1 --")) is None
    assert await table.get(TokenId("")) is None


async def test_the_list_is_oldest_first(table: TokenTable) -> None:
    assert await table.list() == []
    for number, created in ((1, NOW + 5), (3, NOW), (2, NOW)):
        await table.insert(row(number, f"n{number}", created=created))
    assert [each.name for each in await table.list()] == ["n2", "n3", "n1"]


async def test_groups_can_be_replaced(table: TokenTable) -> None:
    alice = row(1, "alice")._replace(groups=("a", "b"))
    await table.insert(alice)
    assert await table.valid([alice.id], at=NOW) == {alice.id: ("a", "b")}
    assert await table.set_groups("alice", ["c"])
    assert await table.valid([alice.id], at=NOW) == {alice.id: ("c",)}
    assert await table.set_groups("alice", [])
    found = await table.get(alice.id)
    assert found is not None
    assert found.groups == ()
    assert not await table.set_groups("bob", ["a"])
    await table.revoke("alice", at=NOW)
    assert not await table.set_groups("alice", ["a"]), "it is not a living one"


async def test_a_living_name_is_refused(table: TokenTable) -> None:
    await table.insert(row(1, "alice", expires=NOW + 10))
    with pytest.raises(UsageError, match="alice already") as caught:
        await table.insert(row(2, "alice", created=NOW + 9))
    assert "revoke alice" in caught.value.hint
    assert [each.id for each in await table.list()] == [row(1, "alice").id]


async def test_an_expired_name_makes_room(table: TokenTable) -> None:
    await table.insert(row(1, "alice", expires=NOW + 10))
    await table.insert(row(9, "bob", expires=NOW + 10))
    await table.insert(row(2, "alice", created=NOW + 10))
    first, other, second = await table.list()
    assert (first.revoked, other.revoked, second.revoked) == (NOW + 10, None, None)


async def test_a_revoked_name_can_be_used_again(table: TokenTable) -> None:
    await table.insert(row(1, "alice"))
    assert await table.revoke("alice", at=NOW + 1) is True
    await table.insert(row(2, "alice"))
    assert await table.revoke("alice", at=NOW + 2) is True
    assert [each.revoked for each in await table.list()] == [NOW + 1, NOW + 2]


async def test_revoking_nothing_says_so(table: TokenTable) -> None:
    await table.insert(row(1, "alice"))
    assert await table.revoke("bob", at=NOW) is False
    assert await table.revoke("alice", at=NOW) is True
    assert await table.revoke("alice", at=NOW + 1) is False
    (alice,) = await table.list()
    assert alice.revoked == NOW


async def test_one_of_two_at_the_same_moment_wins(table: TokenTable) -> None:
    results = await asyncio.gather(*(table.insert(row(number, "alice")) for number in range(8)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["UsageError"] * 7
    assert len(await table.list()) == 1


async def test_last_use_goes_forward_only(table: TokenTable) -> None:
    await table.insert(row(1, "alice"))
    await table.insert(row(2, "bob"))
    for at, noted in ((NOW, NOW), (NOW - 5, NOW), (NOW + 5, NOW + 5)):
        await table.touch(row(1, "alice").id, at=at)
        found = await table.get(row(1, "alice").id)
        assert found is not None
        assert found.last_used == noted
    bob = await table.get(row(2, "bob").id)
    assert bob is not None
    assert bob.last_used is None


async def test_another_process_sees_a_revocation_at_once(place: StorePlace) -> None:
    one, two = await Database.open(place), await Database.open(place)
    server, command = TokenTable(one), TokenTable(two)
    await command.insert(row(1, "alice"))
    found = await server.get(row(1, "alice").id)
    assert found is not None
    assert found.revoked is None
    await command.revoke("alice", at=NOW + 1)
    found = await server.get(row(1, "alice").id)
    assert found is not None
    assert found.revoked == NOW + 1
    await one.aclose()
    await two.aclose()


async def test_tokens_are_still_read_on_a_full_disk(small_disk: Path) -> None:
    database = await Database.open(small_disk / "state")
    table = TokenTable(database)
    await table.insert(row(1, "alice"))
    fill(small_disk)

    async def touch_on() -> None:
        for at in range(NOW, NOW + 1000):
            await table.touch(row(1, "alice").id, at=at)

    with pytest.raises(WhaleError) as caught:
        await touch_on()
    assert caught.value.code == "server.disk_full"
    found = await table.get(row(1, "alice").id)
    assert found is not None
    assert found.name == "alice"
    await database.aclose()


async def test_tells_which_of_many_are_valid(table: TokenTable) -> None:
    await table.insert(row(1, "forever"))
    await table.insert(row(2, "expires", expires=NOW + 10))
    await table.insert(row(3, "revoked"))
    await table.insert(row(4, "not-asked-for"))
    await table.revoke("revoked", at=NOW)
    ids = [TokenId(f"{number:012}") for number in (1, 2, 3, 9)]
    assert await table.valid(ids, at=NOW + 9) == {ids[0]: (), ids[1]: ()}
    assert await table.valid(ids, at=NOW + 10) == {ids[0]: ()}
    assert await table.valid([], at=NOW) == {}


async def test_asks_for_the_tokens_of_a_full_server_at_once(table: TokenTable) -> None:
    await table.insert(row(1, "alice"))
    ids = [TokenId(f"{number:012}") for number in range(8000)]
    assert await table.valid(ids, at=NOW) == {ids[1]: ()}


async def test_a_scope_that_can_not_be_read_lets_nobody_in(table: TokenTable, database: Database) -> None:
    await table.insert(row(1, "alice"))
    async with database.write() as connection:
        await connection.execute(text("UPDATE tokens SET scope = '{}'"))
    with pytest.raises(WhaleError) as broken:
        await table.get(row(1, "alice").id)
    assert broken.value.code == "server.database"


async def test_jobs_and_tokens_have_different_names(table: TokenTable, database: Database) -> None:
    job = row(1, "deploy", expires=NOW + 900)._replace(rule="r", proof="p")
    assert await FederatedTokens(database).insert(job)
    with pytest.raises(UsageError) as caught:
        await table.insert(row(2, "deploy"))
    assert "jobs named deploy" in caught.value.message
    later = row(3, "deploy", created=NOW + 900)
    await table.insert(later)
    found = await table.get(job.id)
    assert found is not None
    assert found.revoked is None, "it has expired by itself"
    assert await table.valid([job.id, later.id], at=NOW, rules=["r"]) == {job.id: (), later.id: ()}
    assert await table.valid([job.id, later.id], at=NOW, rules=["x"]) == {later.id: ()}
