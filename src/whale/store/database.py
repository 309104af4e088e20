"""Opens and closes the database and lends its connections. What is SQLite's own stands here and in `files.py`.

One file, `whale.db`, shared by a running server and the `whale-server token` commands: write-ahead logging lets
readers go on while one of them writes, and writers wait for each other.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, Connection, event, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from whale.store.failures import translate
from whale.store.files import prepare

BUSY_TIMEOUT: Final = 5.0
"""Seconds a writer waits for another one."""

POOL_SIZE: Final = 4
"""Connections, each with a thread of its own. Queries take well under a millisecond."""

POOL_TIMEOUT: Final = 10.0
"""Seconds a query waits for a free connection."""

# The busy timeout comes first, so that all that follows waits. A revocation that was confirmed must survive a power
# cut, so every commit is flushed.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)

_BEGINS: Final = "whale_begins"
"""The statement by which a connection begins."""


class Database:
    """An open database. Whoever opened it calls `aclose`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_BEGINS: "BEGIN IMMEDIATE"})

    @classmethod
    async def open(cls, state_dir: Path) -> Self:
        """Open the database in `state_dir`, making both where they are missing, and bring it up to date.

        Raises `WhaleError`: server.disk_full when the directory can't be written, server.database for the rest.
        """
        database = cls(_engine_for(await asyncio.to_thread(prepare, state_dir)))
        try:
            await database._migrate()
        except BaseException:
            await database.aclose()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for queries, each of which sees its own state of the database.

        Errors inside come out as `WhaleError`.
        """
        with _translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection inside a transaction that holds the write lock from its beginning.

        It is committed at the end and rolled back on any error. Errors inside come out as `WhaleError`.
        """
        with _translated():
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for queries that all see one state of the database. Nothing is written with it.

        Errors inside come out as `WhaleError`.
        """
        with _translated():
            async with self._engine.execution_options(**{_BEGINS: "BEGIN"}).connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Raise `WhaleError` when the database does not answer a query."""
        async with self.read() as connection:
            await connection.execute(select(1))

    async def _migrate(self) -> None:
        # Imported before the lock is taken: Alembic takes a fifth of a second, and other processes would wait.
        from whale.store.migrate import is_current, migrate

        async with self.read() as connection:
            if await connection.run_sync(is_current):
                return
        async with self.write() as connection:
            await connection.run_sync(migrate)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._engine.dispose()


def _engine_for(file: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(file)),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            for pragma in _PRAGMAS:
                cursor.execute(pragma)
        finally:
            # SQLite keeps the file open, closed connection or not, for as long as a cursor is.
            cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        # The driver itself begins at the first write. A reader that turns into a writer fails at once when another
        # wrote in between, so writers say so first. Readers begin nothing: each of their statements sees one state,
        # and a request's token is found sooner.
        if (begin := connection.get_execution_options().get(_BEGINS)) is not None:
            connection.exec_driver_sql(begin)

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else None
        raise translate(cause, kind=type(error).__name__) from error
