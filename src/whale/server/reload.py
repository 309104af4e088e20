"""What SIGHUP is for: files of which somebody says that they are others now."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from whale.server.signals import Signals

_log = structlog.get_logger("whale.server")


@asynccontextmanager
async def reloading(signals: Signals, *steps: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do all steps at every SIGHUP, until the end of the block."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_reload(signals, steps), name="reload")
        try:
            yield
        finally:
            task.cancel()


async def _reload(signals: Signals, steps: tuple[Callable[[], Awaitable[None]], ...]) -> None:
    while True:
        await signals.reload.wait()
        signals.reload.clear()
        _log.info("server.reload")
        for step in steps:
            await step()
