"""What a signal means, and the next one."""

import asyncio
import os
import signal

from whale.server.signals import Signals


async def test_the_first_stops_and_the_second_forces() -> None:
    signals = Signals()
    signals.install()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await signals.stop.wait()
    assert not signals.force.is_set()
    assert not signals.ends_sessions
    os.kill(os.getpid(), signal.SIGINT)
    async with asyncio.timeout(5):
        await signals.force.wait()


async def test_another_ends_the_sessions_too() -> None:
    signals = Signals()
    signals.install()
    os.kill(os.getpid(), signal.SIGUSR1)
    async with asyncio.timeout(5):
        await signals.stop.wait()
    assert signals.ends_sessions
