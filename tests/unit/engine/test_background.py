import asyncio
import logging

import pytest

from whale.engine.background import Background


async def test_tasks_are_kept_until_they_end() -> None:
    background = Background()
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    task = background.start(work(), name="waiting")
    assert len(background) == 1
    assert task.get_name() == "waiting"
    gate.set()
    await task
    await asyncio.sleep(0)
    assert len(background) == 0


async def fail() -> None:
    raise ValueError("broken")


async def test_an_error_is_logged_with_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()
    with caplog.at_level(logging.ERROR):
        background.start(fail(), name="the job")
        await asyncio.sleep(0.01)
    assert "the job failed: broken" in caplog.text


async def test_an_error_for_the_caller_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()
    with caplog.at_level(logging.ERROR):
        with pytest.raises(ValueError, match="broken"):
            await background.start(fail(), name="the job", errors="caller")
        background.start(fail(), name="nobody waits", errors="caller")
        await asyncio.sleep(0.01)
    assert caplog.text == ""


async def test_closing_cancels_and_waits() -> None:
    background = Background()
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    background.start(work(), name="long")
    await asyncio.sleep(0)
    await background.aclose()
    assert ended == [True]
    await background.aclose()


async def test_closing_may_give_time() -> None:
    background = Background()
    ended = []

    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append(seconds)

    background.start(work(0.01), name="short")
    background.start(work(100), name="long")
    await background.aclose(grace=0.1)
    assert ended == [0.01]
    assert len(background) == 0
