"""Opens and closes the database and turns its errors into whale's. All that is SQLite's own stands here.

One file, `whale.db`, shared by a running server and the `whale-server token` commands: write-ahead logging lets
readers go on while one of them writes, and writers wait for each other.
"""

import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, Connection, event, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from whale.model.errors import WhaleError

FILE_NAME: Final = "whale.db"

BUSY_TIMEOUT: Final = 5.0
"""Seconds a writer waits for another one."""

POOL_SIZE: Final = 4
"""Connections, each with a thread of its own. Queries take well under a millisecond."""

POOL_TIMEOUT: Final = 10.0
"""Seconds a query waits for a free connection."""

# The busy timeout comes first: the change to write-ahead logging may have to wait already. A revocation that was
# confirmed must survive a power cut, so every commit is flushed.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)

_WRITES: Final = "whale_writes"

_NOT_WRITABLE: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)


class Database:
    """An open database. Whoever opened it calls `aclose`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @classmethod
    async def open(cls, state_dir: Path) -> Self:
        """Open the database in `state_dir`, making both where they are missing, and bring it up to date.

        Raises `WhaleError`: server.disk_full when the directory can't be written, server.database for the rest.
        """
        _prepare(state_dir)
        database = cls(_engine_for(state_dir / FILE_NAME))
        try:
            async with database.write() as connection:
                await connection.run_sync(_migrate)
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

    async def ping(self) -> None:
        """Raise `WhaleError` when the database does not answer a query."""
        async with self.read() as connection:
            await connection.execute(select(1))

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._engine.dispose()


def _migrate(connection: Connection) -> None:
    # Alembic takes a fifth of a second to import, and only opening a database needs it.
    from whale.store.migrate import migrate

    migrate(connection)


def _prepare(state_dir: Path) -> None:
    """Make directory and file with modes that keep others out, before SQLite makes them with its own."""
    try:
        state_dir.parent.mkdir(parents=True, exist_ok=True)
        state_dir.mkdir(mode=0o700, exist_ok=True)
        if state_dir.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise WhaleError(
                "the state directory can be written by other users",
                code="server.database",
                hint="take their right away with chmod 700, or give another --state-dir",
                detail=str(state_dir),
            )
        file = os.open(state_dir / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, 0o600)
            if os.geteuid() == 0:
                # An operator's `sudo whale-server token create` must not lock out the user the server runs as.
                owner = state_dir.stat()
                os.fchown(file, owner.st_uid, owner.st_gid)
        finally:
            os.close(file)
    except OSError as error:
        raise WhaleError(
            "the state directory can't be written",
            code="server.disk_full",
            hint="check its owner and free space, or give another --state-dir",
            detail=str(error),
        ) from error


def _engine_for(file: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(file)),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver's own transactions begin too late, at the first write; ours begin where they are opened.
        connection.isolation_level = None
        cursor = connection.cursor()
        try:
            for pragma in _PRAGMAS:
                cursor.execute(pragma)
        finally:
            # SQLite keeps the file open, closed connection or not, for as long as a cursor is.
            cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        # A reader that turns into a writer fails at once when another wrote in between; so writers say so first.
        # Readers begin nothing: each of their statements sees one state, and a request's token is found sooner.
        if connection.get_execution_options().get(_WRITES, False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise _translate(error) from error


def _translate(error: SQLAlchemyError) -> WhaleError:
    cause = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(cause, "sqlite_errorcode", None)
    # The low byte is the kind of failure; the rest says where in SQLite it happened.
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in _NOT_WRITABLE:
        return WhaleError(
            "the server can't write to its state directory",
            code="server.disk_full",
            hint="free space on its file system, or make the directory writable",
            detail=str(cause),
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return WhaleError(
            "the server's database is in use by another program",
            code="server.database",
            hint="try again",
            detail=str(cause),
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return WhaleError(
            "the server's database is damaged",
            code="server.database",
            hint=f"restore {FILE_NAME} in the state directory from a backup, or move it away to start anew",
            detail=str(cause),
        )
    return WhaleError(
        "the server's database can't be used at the moment",
        code="server.database",
        hint="the server's log says why",
        # The text of an SQLAlchemy error holds the statement's parameters; a digest has no place in a log.
        detail=f"{type(error).__name__}: {cause if cause is not None else type(error).__doc__}",
    )
