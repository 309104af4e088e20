"""From what a user typed to one container."""

import pytest

from tests.unit.broker.conftest import House
from whale.broker.resolve import find_container, require_running
from whale.model.container import ContainerState
from whale.model.errors import TargetError, UsageError


async def test_finds_by_name_id_and_prefix(house: House) -> None:
    web = await find_container(house.engine, "web")
    assert await find_container(house.engine, web.id) == web
    assert await find_container(house.engine, web.id[:12]) == web


@pytest.mark.parametrize("reference", ["", "x" * 256, "we\x1bb", "web\n", "../web", "a/b", "-web", "wéb", "web?all=1"])
async def test_refuses_what_is_no_name(house: House, reference: str) -> None:
    with pytest.raises(UsageError):
        await find_container(house.engine, reference)


async def test_suggests_near_misses_escaped(house: House) -> None:
    house.engine.add_container("webb\x1b[2J")
    with pytest.raises(TargetError) as missed:
        await find_container(house.engine, "webb")
    assert missed.value.hint == "did you mean web or webb\\x1b[2J?"


async def test_says_where_to_look_without_a_near_miss(house: House) -> None:
    with pytest.raises(TargetError) as missed:
        await find_container(house.engine, "something-else")
    assert "whale ps" in missed.value.hint


async def test_passes_an_ambiguous_prefix_on(house: House) -> None:
    for number in range(40):
        house.engine.add_container(f"c{number}")
    with pytest.raises(TargetError) as ambiguous:
        await find_container(house.engine, house.engine.add_container("last").id[:1])
    assert ambiguous.value.code == "target.ambiguous"


async def test_a_running_container_passes(house: House) -> None:
    web = await find_container(house.engine, "web")
    require_running(web)
    with pytest.raises(TargetError) as refused:
        require_running(web._replace(state=ContainerState.DEAD))
    assert refused.value.code == "target.not_running"
    assert "whale ps" in refused.value.hint
