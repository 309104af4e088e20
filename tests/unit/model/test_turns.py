"""Long work lets everything else go first, and still comes to its end."""

import asyncio
import time

import pytest

from whale.model import turns as module
from whale.model.turns import Turns


async def test_a_short_time_is_its_own_and_what_came_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 60.0)
    turns, had = Turns(), list[str]()

    async def have(name: str) -> None:
        had.append(name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(have("before"))
        await turns.give()
        assert had == ["before"]
        tasks.create_task(have("meanwhile"))
        await turns.give()
        assert had == ["before"]


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
