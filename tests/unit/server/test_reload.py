"""SIGHUP."""

import asyncio
import os
import signal

from tests.engines import eventually
from whale.server.reload import reloading
from whale.server.signals import Signals


async def test_every_step_is_done_at_every_signal() -> None:
    signals = Signals()
    signals.install()
    done: list[str] = []

    async def step(name: str) -> None:
        done.append(name)

    async with reloading(signals, lambda: step("files"), lambda: step("tls")):
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: done == ["files", "tls"], "the first")
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(done) == 4, "the second")
    assert not signals.stop.is_set()
    signals.reload.set()
    await asyncio.sleep(0)
    assert len(done) == 4
