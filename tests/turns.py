"""Whether work lets others have their turns."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def turns_of_others(work: Coroutine[Any, Any, object]) -> tuple[object, int]:
    """Return what the work returns, and how often somebody else had a turn meanwhile."""
    given = 0

    async def other() -> None:
        nonlocal given
        while True:
            given += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(other())
        returned = await work
        task.cancel()
    return returned, given
