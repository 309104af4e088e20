"""One server at a time on a database, and again after PostgreSQL was away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from tests.postgres import PostgresServer
from whale.model.errors import ConfigError
from whale.store import postgres_hold
from whale.store.place import PostgresAddress
from whale.store.postgres import connector
from whale.store.postgres_hold import hold


@pytest.fixture
async def address(postgres: PostgresServer) -> AsyncIterator[PostgresAddress]:
    with postgres.database(is_empty=True) as made:
        yield made


async def test_a_second_one_is_refused_and_may_have_it_afterwards(
    address: PostgresAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_hold, "PATIENCE", 0.1)
    connect = connector(address, timeout=5)
    async with hold(connect):
        with pytest.raises(ConfigError, match="another whale-server uses this database"):
            async with hold(connect):
                pass
    async with hold(connect):
        pass


async def test_a_block_that_does_nothing_lets_go_as_well(address: PostgresAddress) -> None:
    connect, made = connector(address, timeout=5), []

    async def noted() -> Any:
        made.append(await connect())
        return made[-1]

    async with hold(noted):
        pass
    assert [connection.is_closed() for connection in made] == [True]


async def test_it_waits_for_one_that_is_about_to_be_gone(address: PostgresAddress) -> None:
    connect = connector(address, timeout=5)
    first = hold(connect)
    await first.__aenter__()
    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(_once(connect))
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)
    assert second.result()


async def _once(connect: object) -> bool:
    async with hold(connect):  # type: ignore[arg-type]
        return True


async def test_it_is_taken_again_when_the_database_is_back(
    postgres: PostgresServer, address: PostgresAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_hold, "RETRY_INTERVAL", 0.05)
    monkeypatch.setattr(postgres_hold, "PATIENCE", 0.1)
    connect = connector(address, timeout=5)
    with structlog.testing.capture_logs() as log:
        async with hold(connect):
            await asyncio.to_thread(postgres.stop)
            try:
                await _said(log, "store.lock_not_taken")
            finally:
                postgres.start()
            await _said(log, "store.lock_taken_again")
            with pytest.raises(ConfigError):
                async with hold(connect):
                    pass
    assert log[0]["event"] == "store.lock_lost"


async def _said(log: list[structlog.typing.EventDict], event: str) -> None:
    async with asyncio.timeout(20):
        while not any(entry["event"] == event for entry in log):
            await asyncio.sleep(0.01)
