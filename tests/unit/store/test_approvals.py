"""The table of approvals on a real database."""

import pytest
from sqlalchemy import text

from whale.model.approval import Approval
from whale.model.errors import WhaleError
from whale.model.ids import ContainerId
from whale.model.principal import Action
from whale.store.approvals import ApprovalTable
from whale.store.database import Database

NOW = 1_800_000_000
ONE = Approval(
    "1" * 12, "alice", Action.EXEC, ContainerId("c" * 64), "web", "d" * 64, NOW, NOW + 60, "bob", ("psql", "***"),
    "app", "/srv", ("A=1",), True, True, "ticket 42",
)  # fmt: skip


@pytest.fixture
def table(database: Database) -> ApprovalTable:
    return ApprovalTable(database)


async def test_one_comes_back_as_it_went_in(table: ApprovalTable) -> None:
    await table.insert(ONE, at=NOW)
    assert await table.running(at=NOW) == [ONE]


async def test_what_has_ended_runs_no_more_and_makes_room(table: ApprovalTable, database: Database) -> None:
    await table.insert(ONE, at=NOW)
    assert await table.running(at=ONE.until - 1) == [ONE]
    assert await table.running(at=ONE.until) == []
    later = ONE._replace(id="2" * 12, asked=NOW + 60, until=NOW + 120)
    await table.insert(later, at=NOW + 60)
    async with database.read() as connection:
        assert list((await connection.execute(text("SELECT id FROM approvals"))).scalars()) == [later.id]


async def test_one_is_ended_once(table: ApprovalTable) -> None:
    await table.insert(ONE, at=NOW)
    assert await table.delete(ONE.id)
    assert not await table.delete(ONE.id)
    assert await table.running(at=NOW) == []


@pytest.mark.parametrize("shown", ["", "[]", '{"command": 1}', '{"unknown": 1}'])
async def test_what_makes_no_sense_allows_nothing(table: ApprovalTable, database: Database, shown: str) -> None:
    await table.insert(ONE, at=NOW)
    async with database.write() as connection:
        await connection.execute(text("UPDATE approvals SET shown = :shown"), {"shown": shown})
    with pytest.raises(WhaleError) as broken:
        await table.running(at=NOW)
    assert broken.value.code == "server.database"
