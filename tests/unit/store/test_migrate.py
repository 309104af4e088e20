"""Forward only, once, and never on a newer database; from every version there was, with what was in it."""

from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from whale.model.errors import WhaleError
from whale.store import database as room
from whale.store.database import Database
from whale.store.migrate import _settings, is_current, migrate
from whale.store.place import StorePlace
from whale.store.schema import metadata

TOKEN = "INSERT INTO tokens (id, name, digest, created) VALUES ('a', 'alice', :digest, 1)"
EVENT = "INSERT INTO audit_events VALUES (1, 2, 'k', 'alice', 'exec', 'web', 'c0ffee', 's', '{}')"
MARK = "INSERT INTO audit_marks VALUES ('head', 1, 'f')"


@pytest.fixture
async def unborn(empty_place: StorePlace) -> AsyncIterator[Database]:
    """A database that nobody has migrated yet."""
    database = Database(await room._source(empty_place, is_patient=False))
    yield database
    await database.aclose()


def revision(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def revisions(connection: Connection) -> list[str]:
    """All there were, the oldest first."""
    script = ScriptDirectory.from_config(_settings(connection))
    return [each.revision for each in script.walk_revisions()][::-1]


def differences(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)


async def test_an_empty_database_gets_all_tables(unborn: Database) -> None:
    def run(connection: Connection) -> None:
        assert is_current(connection) is False
        migrate(connection)
        assert is_current(connection) is True
        assert revision(connection) == revisions(connection)[-1]
        assert differences(connection) == []

    async with unborn.write() as connection:
        await connection.run_sync(run)


async def test_a_second_run_changes_nothing(unborn: Database) -> None:
    def run(connection: Connection) -> None:
        migrate(connection)
        connection.execute(text(TOKEN), {"digest": b"d"})
        migrate(connection)
        assert connection.execute(text("SELECT name FROM tokens")).scalar_one() == "alice"

    async with unborn.write() as connection:
        await connection.run_sync(run)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
async def test_what_was_in_an_earlier_version_is_there(unborn: Database, number: int) -> None:
    def make(connection: Connection) -> None:
        version = revisions(connection)[number]
        upgrade(_settings(connection), version)
        assert revision(connection) == version
        connection.execute(text(TOKEN), {"digest": bytes(range(32))})
        if number >= 2:
            connection.execute(text(EVENT))
            connection.execute(text(MARK))

    def check(connection: Connection) -> None:
        migrate(connection)
        assert differences(connection) == []
        found = connection.execute(text("SELECT name, digest, revoked, groups FROM tokens")).one()
        assert found == ("alice", bytes(range(32)), None, "")
        for table in ("audit_events", "audit_marks"):
            count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert count == int(number >= 2)

    for step in (make, check):
        async with unborn.write() as connection:
            await connection.run_sync(step)


async def test_a_migration_that_fails_leaves_everything_as_it_was(
    unborn: Database, empty_place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(connection: Connection) -> None:
        upgrade(_settings(connection), "0001")
        connection.execute(text(TOKEN), {"digest": b"d"})

    def crash(connection: Connection) -> None:
        migrate(connection)
        raise ZeroDivisionError

    async def crashed() -> None:
        async with unborn.write() as connection:
            await connection.run_sync(crash)

    async with unborn.write() as connection:
        await connection.run_sync(first)
    with pytest.raises(ZeroDivisionError):
        await crashed()
    async with unborn.read() as connection:
        assert await connection.run_sync(revision) == "0001"
        assert (await connection.execute(text("SELECT * FROM tokens"))).one()[:4] == ("a", "alice", b"d", 1)
    await (await Database.open(empty_place)).aclose()


async def test_a_newer_database_is_left_alone(unborn: Database) -> None:
    def run(connection: Connection) -> None:
        migrate(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for step in (is_current, migrate):
            with pytest.raises(WhaleError, match="newer version") as caught:
                step(connection)
            assert caught.value.code == "server.database"
            assert "9999" in caught.value.detail
        assert revision(connection) == "9999"

    async with unborn.write() as connection:
        await connection.run_sync(run)
