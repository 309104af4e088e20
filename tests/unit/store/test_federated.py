"""Tokens of jobs: many of one name, each for one proof."""

import asyncio

import pytest

from whale.model.errors import WhaleError
from whale.model.ids import TokenId
from whale.store import federated
from whale.store.database import Database
from whale.store.federated import KEPT, FederatedTokens
from whale.store.tokens import TokenRow, TokenTable
from whale.store.users import UserRow, UserTable

NOW = 1_800_000_000


def job(number: int, *, name: str = "deploy", created: int = NOW, proof: str | None = None) -> TokenRow:
    expires = created + 900
    return TokenRow(
        TokenId(f"{number:012}"), name, bytes([number]) * 32, created, expires, groups=("ci",), rule="r", proof=proof
    )


async def test_many_of_one_name_each_for_one_proof(database: Database) -> None:
    table, tokens = FederatedTokens(database), TokenTable(database)
    assert await table.insert(job(1, proof="p1"))
    assert await table.insert(job(2, proof="p2"))
    assert not await table.insert(job(3, proof="p1"))
    assert await table.insert(job(4))
    assert await table.insert(job(5)), "without a proof there is nothing to use up"
    assert [row.id for row in await tokens.list()] == [job(number).id for number in (1, 2, 4, 5)]
    assert await tokens.get(job(1).id) == job(1, proof="p1")


async def test_of_two_at_once_one_gets_it(database: Database) -> None:
    table = FederatedTokens(database)
    came = await asyncio.gather(*(table.insert(job(number, proof="p")) for number in range(1, 6)))
    assert sorted(came) == [False] * 4 + [True]


async def test_a_proof_is_known_until_it_is_worth_nothing(database: Database) -> None:
    table, tokens = FederatedTokens(database), TokenTable(database)
    await tokens.insert(TokenRow(TokenId("old"), "old", bytes(32), NOW - 10 * KEPT, None))
    assert await table.insert(job(1, proof="p"))
    assert not await table.insert(job(2, created=NOW + KEPT, proof="p"))
    assert await table.insert(job(3, created=NOW + KEPT + 1, proof="p"))
    assert [row.id for row in await tokens.list()] == [TokenId("old"), job(3).id], "and others stay"


async def test_a_name_is_a_persons_or_a_tokens_or_that_of_jobs(database: Database) -> None:
    table, users = FederatedTokens(database), UserTable(database)
    await users.add(UserRow("u", "alice", NOW))
    await TokenTable(database).insert(TokenRow(TokenId("t"), "backup", bytes(32), NOW, NOW + 60))
    for name in ("alice", "backup"):
        with pytest.raises(WhaleError) as caught:
            await table.insert(job(1, name=name))
        assert caught.value.code == "login.name"
    assert await table.insert(job(1, name="backup", created=NOW + 60)), "that one has expired"
    assert await table.insert(job(2, name="deploy"))
    with pytest.raises(WhaleError) as caught:
        await users.add(UserRow("d", "deploy", NOW))
    assert caught.value.code == "login.name"


async def test_there_are_only_so_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(federated, "MAX_FEDERATED_TOKENS", 2)
    table = FederatedTokens(database)
    assert await table.insert(job(1))
    assert await table.insert(job(2))
    with pytest.raises(WhaleError) as caught:
        await table.insert(job(3))
    assert caught.value.code == "login.limit"
    assert await table.insert(job(4, name="other"))
    assert await table.insert(job(5, created=NOW + KEPT + 1))
