"""Reads a whole database, as it is at one moment, and writes one back. Both in one transaction, some rows at a time."""

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, MetaData, Table, func, select, text
from sqlalchemy.exc import NoSuchTableError

from whale.model.errors import UsageError
from whale.store.database import Database
from whale.store.dump import DumpWriter, Head, Row, read_dump
from whale.store.schema import metadata

PAGE: Final = 500
"""Rows read or written at once."""

VERSION_TABLE: Final = "alembic_version"
"""Where the migrations note how far they are."""


async def dump(database: Database, *, time: str) -> AsyncIterator[bytes]:
    """Yield the lines of a backup. Raises `WhaleError`. The database goes on being used meanwhile."""
    from whale.store.migrate import revision_of

    writer = DumpWriter()
    async with database.snapshot() as connection:
        tables = metadata.sorted_tables
        yield writer.begin(
            Head(
                revision=await connection.run_sync(revision_of),
                time=time,
                tables={str(table.name): tuple(map(str, table.columns.keys())) for table in tables},
            )
        )
        for table in tables:
            rows = await connection.stream(
                select(table).order_by(*table.primary_key.columns), execution_options={"yield_per": PAGE}
            )
            async for page in rows.partitions():
                yield b"".join(writer.row(Row(str(table.name), tuple(row))) for row in page)
    yield writer.end()


async def load(database: Database, lines: Iterable[bytes], *, replace: bool) -> int:
    """Write what a backup has in place of what is there, and bring it up to date; return how many rows that were.

    Raises `WhaleError`, `UsageError` where something is there and is not to be replaced, and where the lines are no
    whole backup; nothing was changed then.
    """
    async with database.write() as connection:
        return await connection.run_sync(_load, lines, replace)


def _load(connection: Connection, lines: Iterable[bytes], replace: bool) -> int:
    from whale.store.migrate import advance, migrate

    if not replace and _has_rows(connection):
        raise UsageError(
            "the database is not empty", hint="give --force to have the backup in place of everything that is in it"
        )
    found = read_dump(lines)
    head = next(found)
    assert isinstance(head, Head)
    metadata.drop_all(connection)
    connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    advance(connection, head.revision)
    count = 0
    for name, rows in groupby(_rows(found), key=lambda row: row.table):
        table = _table(connection, name, head)
        for page in _pages(rows):
            connection.execute(table.insert(), [dict(zip(head.tables[name], row.values, strict=True)) for row in page])
            count += len(page)
    migrate(connection)
    return count


def _has_rows(connection: Connection) -> bool:
    return any(
        connection.execute(select(func.count()).select_from(select(table).limit(1).subquery())).scalar_one()
        for table in metadata.sorted_tables
    )


def _rows(found: Iterable[Head | Row]) -> Iterator[Row]:
    for each in found:
        assert isinstance(each, Row)
        yield each


def _pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    for row in rows:
        page.append(row)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _table(connection: Connection, name: str, head: Head) -> Table:
    """A table as it was in the version of the backup."""
    refused = UsageError("the backup has a table that is not whale's", hint="nothing was changed; take another one")
    if name == VERSION_TABLE:
        raise refused
    try:
        table = Table(name, MetaData(), autoload_with=connection)
    except NoSuchTableError:
        raise refused from None
    if set(head.tables[name]) != set(table.columns.keys()):
        raise refused
    return table
