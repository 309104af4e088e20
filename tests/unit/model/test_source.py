"""Where a request comes from goes with its tasks, and with no others."""

import asyncio

from whale.model.source import SOURCE


async def test_tasks_inherit_it() -> None:
    async def source() -> str:
        return SOURCE.get()

    before = SOURCE.set("192.0.2.1")
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(source())
        assert task.result() == "192.0.2.1"
    finally:
        SOURCE.reset(before)
    assert SOURCE.get() == ""
