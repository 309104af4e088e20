"""What is wanted is taken once, by whoever waits for it."""

import asyncio

import pytest

from whale.model.exec import Signal
from whale.model.limits import MAX_QUEUED_SIGNALS
from whale.model.terminal import TerminalSize
from whale.session.control import Control

SMALL, LARGE = TerminalSize(cols=10, rows=5), TerminalSize(cols=20, rows=6)


async def test_the_newest_size_and_the_first_signals_are_taken_once() -> None:
    control = Control()
    control.resize(SMALL)
    for _ in range(MAX_QUEUED_SIGNALS):
        control.signal(Signal.INT)
    control.signal(Signal.KILL)
    control.resize(LARGE)
    async with asyncio.timeout(5):
        assert await control.wanted() == (LARGE, [Signal.INT] * MAX_QUEUED_SIGNALS)
    control.signal(Signal.TERM)
    async with asyncio.timeout(5):
        assert await control.wanted() == (None, [Signal.TERM])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await control.wanted()


async def test_whoever_waits_is_woken() -> None:
    control = Control()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(control.wanted())
        await asyncio.sleep(0)
        control.resize(SMALL)
    assert waiting.result() == (SMALL, [])
