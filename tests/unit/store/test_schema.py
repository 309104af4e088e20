"""The tables in the code are the tables the migrations make."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from whale.store.database import Database
from whale.store.schema import metadata, tokens


async def test_the_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    database = await Database.open(tmp_path / "state")
    try:
        async with database.read() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.aclose()


def test_the_schema_can_be_written_for_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
    (index,) = tokens.indexes
    assert str(CreateIndex(index).compile(dialect=dialect)).endswith("WHERE revoked IS NULL")
