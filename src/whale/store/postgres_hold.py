"""One server at a time on a PostgreSQL database, wherever it runs: a lock that lives as long as its connection.

The connection is made again when it breaks, as when PostgreSQL is started anew; the server that has sessions goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import structlog

from whale.model.errors import ConfigError, WhaleError
from whale.store.postgres_failures import not_connected

SERVER_LOCK: Final = 0x7768616C65_02

PATIENCE: Final = 2.0
"""Seconds for a server that was killed to be gone: PostgreSQL notices a moment later."""

RETRY_INTERVAL: Final = 1.0
"""Seconds between two attempts to have the lock again."""

_PAUSE: Final = 0.05

_log = structlog.get_logger("whale.store")


@asynccontextmanager
async def hold(connect: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    """Hold the database until the end of the block. Raises `WhaleError`, `ConfigError` when another server has it."""
    held = _Held(await _Lock.take(connect))
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    task = tasks.create_task(_keep(connect, held), name="database lock")
    try:
        yield
    finally:
        task.cancel()
        # Without the error: it is the block's own, and a task group would wrap it.
        await tasks.__aexit__(None, None, None)
        held.lock.let_go()  # here, because a task that is cancelled before it began does nothing at all


class _Lock:
    def __init__(self, connection: Any) -> None:
        self.is_lost = asyncio.Event()
        self._connection = connection
        connection.add_termination_listener(lambda _: self.is_lost.set())

    @classmethod
    async def take(cls, connect: Callable[[], Awaitable[Any]]) -> "_Lock":
        connection = await connect()
        try:
            await _wait_for_lock(connection)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            connection.terminate()
            raise not_connected(error) from error
        except BaseException:
            connection.terminate()
            raise
        return cls(connection)

    def let_go(self) -> None:
        self._connection.terminate()


class _Held:
    """The lock as it is now: another one after each that was lost."""

    def __init__(self, lock: _Lock) -> None:
        self.lock = lock


async def _wait_for_lock(connection: Any) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", SERVER_LOCK):
        if asyncio.get_running_loop().time() >= deadline:
            raise ConfigError(
                "store.url: another whale-server uses this database",
                path="store.url",
                hint="stop that one first, or give this one another database",
            )
        await asyncio.sleep(_PAUSE)


async def _keep(connect: Callable[[], Awaitable[Any]], held: _Held) -> None:
    """Take the lock again whenever it is lost, for ever."""
    while True:
        await held.lock.is_lost.wait()
        held.lock.let_go()
        _log.warning("store.lock_lost")
        held.lock = await _again(connect)
        _log.warning("store.lock_taken_again")


async def _again(connect: Callable[[], Awaitable[Any]]) -> _Lock:
    said = ""
    while True:
        try:
            return await _Lock.take(connect)
        except WhaleError as error:
            if error.message != said:
                said = error.message
                _log.error("store.lock_not_taken", error=str(error))
        await asyncio.sleep(RETRY_INTERVAL)
