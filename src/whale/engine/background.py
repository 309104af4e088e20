"""Keeps the few tasks an engine adapter runs on its own behalf, so that none is lost and none outlives it.

Everything else in an adapter is awaited by its caller. A task here must have its own deadline.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Literal

log = logging.getLogger("whale.engine")


class Background:
    """A named, referenced set of tasks. An error in one is logged, and ends nothing else."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self, work: Coroutine[Any, Any, None], *, name: str, errors: Literal["log", "caller"] = "log"
    ) -> asyncio.Task[None]:
        """Run `work` until it ends or the engine is closed. The task may be cancelled, and need not be kept.

        With `errors="caller"` the caller awaits the task and so sees its error, which is then not logged.
        """
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended if errors == "log" else self._ended_quietly)
        return task

    def _ended_quietly(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have been cancelled; then it is not an error that nobody saw

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed: %s", task.get_name(), error, exc_info=error)

    async def aclose(self, *, grace: float = 0.0) -> None:
        """Give what still runs `grace` seconds, cancel the rest and wait until it has ended. Idempotent."""
        if grace and self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=grace)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
