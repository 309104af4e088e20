"""SQLite: one file, `whale.db`, shared by a running server and the commands beside it.

Write-ahead logging lets readers go on while one writes. `files.py` makes the file, `failures.py` knows its errors.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from whale.model.errors import WhaleError
from whale.store.failures import translate
from whale.store.files import prepare
from whale.store.source import FIRST, Source

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


def sqlite_source(state_dir: Path) -> Source:
    """The database in a state directory; both are made where they are missing. Raises `WhaleError`.

    The driver itself begins at the first write. A reader that turns into a writer fails at once when another wrote in
    between, so writers say so first. Readers begin nothing: each of their statements sees one state, and a request's
    token is found sooner.
    """
    file = prepare(state_dir)
    return Source(
        _engine(file),
        reading={},
        writing={FIRST: "BEGIN IMMEDIATE"},
        looking={FIRST: "BEGIN"},
        translate=_translated,
        is_patient=True,
        hold=nullcontext,
        at_once=_at_once(file),
    )


def _engine(file: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(file)),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
    )

    event.listen(engine.sync_engine, "connect", _connected)
    return engine


def _at_once(file: Path) -> Engine:
    engine = create_engine(URL.create("sqlite+pysqlite", database=str(file)), pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _connected)
    return engine


def _connected(connection: Any, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
    finally:
        # SQLite keeps the file open, closed connection or not, for as long as a cursor is.
        cursor.close()


def _translated(error: BaseException) -> WhaleError | None:
    if not isinstance(error, SQLAlchemyError):
        return None
    cause = error.orig if isinstance(error, DBAPIError) else None
    return translate(cause, kind=type(error).__name__)
