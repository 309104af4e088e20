import asyncio
from collections.abc import Mapping

import pytest

from whale.access.oidc.failures import unavailable
from whale.access.oidc.fetch import Answer
from whale.access.oidc.shared_fetch import MAX_KNOWN, PAUSE, SharedFetch
from whale.model.errors import WhaleError
from whale.model.secret import Secret


class Slow:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()
        self.is_down = False

    async def get(self, url: str, *, token: Secret | None = None) -> Answer:
        self.asked.append(url)
        await self.go.wait()
        if self.is_down:
            raise unavailable("down")
        return Answer(200, str(len(self.asked)).encode())

    async def post(self, url: str, form: Mapping[str, str], *, client: tuple[str, Secret] | None) -> Answer:
        self.asked.append(url)
        return Answer(200, b"posted")


async def test_those_who_wait_at_once_share_one_answer() -> None:
    slow, now = Slow(), [0.0]

    def clock() -> float:
        now[0] += 0.001
        return now[0]

    shared = SharedFetch(slow, clock=clock)
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(shared.get("u")) for _ in range(50)]
        await asyncio.sleep(0)
        slow.go.set()
    assert {task.result() for task in waiting} == {Answer(200, b"1")}
    assert await shared.get("u") == Answer(200, b"2"), "who comes later wants a later answer"
    assert await shared.post("p", {}, client=None) == Answer(200, b"posted")


async def test_after_a_failure_there_is_a_pause() -> None:
    slow, now = Slow(), [100.0]
    slow.go.set()
    slow.is_down = True
    shared = SharedFetch(slow, clock=lambda: now[0])
    for _ in range(5):
        with pytest.raises(WhaleError) as caught:
            await shared.get("u")
        assert caught.value.code == "login.unavailable"
    assert slow.asked == ["u"]
    slow.is_down = False
    now[0] += PAUSE
    assert await shared.get("u") == Answer(200, b"2")


async def test_what_is_kept_has_a_bound() -> None:
    slow = Slow()
    slow.go.set()
    shared = SharedFetch(slow)
    for number in range(100):
        await shared.get(f"u{number}")
    assert len(shared._last) <= MAX_KNOWN
