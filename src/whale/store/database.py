"""Opens and closes the database and lends its connections. What is SQLite's own stands in `sqlite.py`, and so on.

Readers go on while one writes, and writers wait for each other, also those of other processes: the server, and the
`whale-server` commands beside it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Self, TypeVar

from sqlalchemy import Connection, event, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whale.store.place import PostgresAddress, StorePlace
from whale.store.source import FIRST, Source

T = TypeVar("T")


class Database:
    """An open database. Whoever opened it calls `aclose`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._engine = source.engine
        self._reader = source.engine.execution_options(**source.reading)
        self._writer = source.engine.execution_options(**source.writing)
        self._looker = source.engine.execution_options(**source.looking)
        event.listen(source.engine.sync_engine, "begin", _begun)
        self._at_once = source.at_once.execution_options(**source.writing) if source.at_once is not None else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whale-write")
        if source.at_once is not None:
            event.listen(source.at_once, "begin", _begun)

    @classmethod
    async def open(cls, place: StorePlace, *, is_patient: bool = False) -> Self:
        """Open the database, making a state directory and its file where they are missing, and bring it up to date.

        Who `is_patient` waits for single statements for as long as an hour. Raises `WhaleError`: server.disk_full when
        it can't be written, server.database for the rest.
        """
        database = cls(await _source(place, is_patient=is_patient))
        try:
            await database._migrate(place)
        except BaseException:
            await database.aclose()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for queries, each of which sees its own state of the database.

        Errors inside come out as `WhaleError`.
        """
        with self._translated():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection inside a transaction that holds the write lock from its beginning.

        It is committed at the end and rolled back on any error. Errors inside come out as `WhaleError`.
        """
        with self._translated():
            async with self._writer.begin() as connection:
                yield connection

    async def write_at_once(self, work: Callable[[Connection], T]) -> T:
        """As `write`, for a few statements that are always the same: what `work` does is one transaction, and one step.

        With SQLite that takes a tenth of the event loop's time. `work` may run in another thread. Who is cancelled does
        not know whether it was done.
        """
        with self._translated():
            if self._at_once is not None:
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._written, work)
            async with self._writer.begin() as connection:
                return await connection.run_sync(work)

    def _written(self, work: Callable[[Connection], T]) -> T:
        assert self._at_once is not None
        with self._at_once.begin() as connection:
            return work(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for queries that all see one state of the database. Nothing is written with it.

        Errors inside come out as `WhaleError`.
        """
        with self._translated():
            async with self._looker.connect() as connection:
                yield connection

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the database for one server until the end of the block, together with its state directory.

        Raises `WhaleError` when another server has it.
        """
        async with self._source.hold():
            yield

    async def ping(self) -> None:
        """Raise `WhaleError` when the database does not answer a query."""
        async with self.read() as connection:
            await connection.execute(select(1))

    async def _migrate(self, place: StorePlace) -> None:
        # Imported before the lock is taken: Alembic takes a fifth of a second, and other processes would wait.
        from whale.store.migrate import is_current, migrate

        async with self.read() as connection:
            if await connection.run_sync(is_current):
                return
        if not self._source.is_patient:
            await (await type(self).open(place, is_patient=True)).aclose()
            return
        async with self.write() as connection:
            await connection.run_sync(migrate)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._at_once is not None:
            self._at_once.dispose()
        await self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if (known := self._source.translate(error)) is None:
                raise
            raise known from error


async def _source(place: StorePlace, *, is_patient: bool) -> Source:
    if isinstance(place, PostgresAddress):
        from whale.store.postgres import postgres_source  # who has SQLite does not wait for its driver

        return await asyncio.to_thread(postgres_source, place, is_patient=is_patient)
    from whale.store.sqlite import sqlite_source

    return await asyncio.to_thread(sqlite_source, place)


def _begun(connection: Connection) -> None:
    # SQLAlchemy begins nothing by itself before the first statement; a writer waits for its lock here.
    if (first := connection.get_execution_options().get(FIRST)) is not None:
        connection.exec_driver_sql(first)
