"""What somebody may not list does not exist for them, and finding that out holds nobody up."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from tests.unit.broker.conftest import ALICE, House, Judge
from whale.broker.visible import visible
from whale.model import turns as module
from whale.model.container import Container
from whale.model.principal import Principal


async def test_keeps_the_order(house: House) -> None:
    for number in range(20):
        house.engine.add_container(f"c{number}")
    there = await house.engine.containers(all=True)
    house.judge.hidden = {"c3", "web"}
    found = await visible(house.judge, ALICE, there)
    assert found == [container for container in there if container.name not in house.judge.hidden]
    assert await visible(house.judge, ALICE, []) == []


class SlowJudge(Judge):
    def may_list(self, principal: Principal, containers: Sequence[Container]) -> list[bool]:
        time.sleep(0.002)
        return super().may_list(principal, containers)


async def test_others_get_their_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 0.001)
    there = await house.engine.containers(all=True) * 40
    given = 0

    async def other() -> None:
        nonlocal given
        while True:
            given += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(other())
        await visible(SlowJudge(), ALICE, there)
        task.cancel()
    assert given >= len(there)
