"""From what a user typed to one container."""

import pytest

from tests.unit.broker.conftest import ALICE, House
from whale.broker.resolve import find_container, require_running
from whale.broker.trail import Trail
from whale.model.container import Container, ContainerState
from whale.model.errors import TargetError, UsageError


async def find(house: House, reference: str) -> Container:
    return await find_container(house.engine, house.judge, ALICE, reference, trail=Trail())


async def test_finds_by_name_id_and_prefix(house: House) -> None:
    web = await find(house, "web")
    assert await find(house, web.id) == web
    assert await find(house, web.id[:12]) == web


@pytest.mark.parametrize("reference", ["", "x" * 256, "we\x1bb", "web\n", "../web", "a/b", "-web", "wéb", "web?all=1"])
async def test_refuses_what_is_no_name(house: House, reference: str) -> None:
    with pytest.raises(UsageError):
        await find(house, reference)


async def test_suggests_near_misses_escaped(house: House) -> None:
    house.engine.add_container("webb\x1b[2J")
    with pytest.raises(TargetError) as missed:
        await find(house, "webb")
    assert missed.value.hint == "did you mean web or webb\\x1b[2J?"


async def test_says_where_to_look_without_a_near_miss(house: House) -> None:
    with pytest.raises(TargetError) as missed:
        await find(house, "something-else")
    assert "whale ps" in missed.value.hint


async def test_passes_an_ambiguous_prefix_on(house: House) -> None:
    for number in range(40):
        house.engine.add_container(f"c{number}")
    with pytest.raises(TargetError) as ambiguous:
        await find(house, house.engine.add_container("last").id[:1])
    assert ambiguous.value.code == "target.ambiguous"


async def refusal(house: House, reference: str) -> tuple[str, str, str]:
    with pytest.raises(TargetError) as refused:
        await find(house, reference)
    return refused.value.code, refused.value.message.replace(reference, "…"), refused.value.hint


async def test_what_is_hidden_is_as_if_it_were_not_there(house: House) -> None:
    missing = await refusal(house, "wec")
    assert missing[2] == "did you mean web?"
    hidden = house.engine.add_container("wed").id
    house.judge.hidden = {"wed"}
    assert await refusal(house, "wed") == missing
    assert await refusal(house, "wec") == missing, "nor is it suggested"
    unknown = await refusal(house, "f" * 64)
    assert await refusal(house, hidden) == unknown
    assert await refusal(house, hidden[:20]) == unknown


async def test_what_is_hidden_stands_in_nobodys_way(house: House) -> None:
    """Neither its name nor its id makes that of another container ambiguous."""
    web = await find(house, "web")
    other = house.engine.add_container(web.id[:12])
    assert other.id != web.id
    assert (await find(house, web.id[:12])).id == other.id
    house.judge.hidden = {other.name}
    assert (await find(house, web.id[:12])).id == web.id
    twins = [house.engine.add_container(f"c{number}") for number in range(40)]
    last = twins[-1].id[:1]
    house.judge.hidden = {twin.name for twin in twins[:-1]} | {"web", "db", other.name}
    assert (await find(house, last)).name == "c39"


async def test_a_running_container_passes(house: House) -> None:
    web = await find(house, "web")
    require_running(web)
    with pytest.raises(TargetError) as refused:
        require_running(web._replace(state=ContainerState.DEAD))
    assert refused.value.code == "target.not_running"
    assert "whale ps" in refused.value.hint
