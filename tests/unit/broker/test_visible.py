"""What somebody may not list does not exist for them, and finding that out holds nobody up."""

import time
from collections.abc import Sequence

import pytest

from tests.turns import turns_of_others
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
    _, given = await turns_of_others(visible(SlowJudge(), ALICE, there))
    assert given >= len(there)
