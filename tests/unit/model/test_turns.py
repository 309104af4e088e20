"""Long work lets everything else go first, and still comes to its end."""

import asyncio
import time

import pytest

from whale.broker import turns as module
from whale.broker.turns import Turns


async def test_a_short_time_is_its_own() -> None:
    async with asyncio.TaskGroup() as tasks:
        other = tasks.create_task(asyncio.sleep(0))
        await Turns().give()
        assert not other.done()


async def test_all_that_a_key_needs_comes_before_the_next_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 0.0)
    passed = 0

    async def key() -> None:
        """Passed on from one task to the next, each of which has something to do."""
        nonlocal passed
        for _ in range(5):
            time.sleep(0.0002)
            passed += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(key())
        await Turns().give()
        assert passed == 5


async def test_who_always_has_something_to_do_does_not_keep_it_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 0.0)

    async def busy() -> None:
        while True:
            time.sleep(0.001)
            await asyncio.sleep(0)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(busy())
        for _ in range(3):
            await Turns().give()
        task.cancel()
