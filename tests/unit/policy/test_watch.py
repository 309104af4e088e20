"""A change of the directory is in force soon; a wrong one is not, and says where the mistake is."""

import asyncio
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.engines import eventually
from tests.unit.policy.worlds import ALICE, WEB
from whale.model.errors import ConfigError
from whale.model.principal import Action
from whale.policy import watch as module
from whale.policy.watch import PolicyWatch

ALL = "permit(principal, action, resource);"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.cedar").write_text(ALL)
    return tmp_path / "policies"


def may(watch: PolicyWatch) -> bool:
    return watch.live.decide(ALICE, Action.LOGS, WEB, None).allowed


async def settle(watch: PolicyWatch) -> bool:
    """Look until what is there has been seen twice."""
    return [await watch.check() for _ in range(3)].count(True) == 1


async def test_a_server_does_not_start_with_wrong_policies(place: Path) -> None:
    assert may(await PolicyWatch.open(place))
    (place / "b.cedar").write_text(f"{ALL}\n\npermit(")
    with pytest.raises(ConfigError, match=r"b\.cedar:3: "):
        await PolicyWatch.open(place)
    with pytest.raises(ConfigError, match="can't be read"):
        await PolicyWatch.open(place / "missing")


async def test_a_change_is_in_force_when_it_was_seen_twice(place: Path) -> None:
    watch = await PolicyWatch.open(place)
    assert not await settle(watch)
    (place / "a.cedar").write_text("")
    assert not await watch.check(), "it may be in the midst of being written"
    assert may(watch)
    assert await watch.check()
    assert not may(watch)
    assert not await watch.check()
    assert (watch.loaded, watch.refused, watch.is_stale, watch.live.generation) == (2, 0, False, 1)


async def test_what_is_wrong_changes_nothing_and_is_said_once(place: Path) -> None:
    watch = await PolicyWatch.open(place)
    with capture_logs() as said:
        (place / "a.cedar").write_text("forbid(principal, action, resource)")
        (place / "b.cedar").write_text(f"{ALL}\npermit(principal, action, resource) when {{ resource.nam == 1 }};")
        assert not await settle(watch)
    assert may(watch)
    assert (watch.loaded, watch.refused, watch.is_stale) == (1, 1, True)
    assert len(said) == 1
    assert said[0]["event"] == "policies.refused"
    assert said[0]["error"].startswith("a.cedar:1: ")
    (place / "a.cedar").write_text(ALL)
    (place / "b.cedar").unlink()
    assert await settle(watch)
    assert not watch.is_stale


async def test_a_directory_that_goes_away_changes_nothing(place: Path) -> None:
    watch = await PolicyWatch.open(place)
    shutil.move(place, place.with_name("away"))
    assert not await settle(watch)
    assert may(watch)
    assert (watch.refused, watch.is_stale) == (1, True)
    shutil.move(place.with_name("away"), place)
    assert await settle(watch)
    assert may(watch)


async def test_a_fault_of_our_own_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = await PolicyWatch.open(place)
    monkeypatch.setattr(module, "load_directory", lambda directory: 1 / 0)
    (place / "a.cedar").write_text("")
    assert not await settle(watch)
    assert may(watch)
    assert watch.is_stale


async def test_no_policies_are_a_change_like_any_other(place: Path) -> None:
    watch = await PolicyWatch.open(place)
    (place / "a.cedar").unlink()
    with capture_logs() as said:
        assert await settle(watch)
    assert not may(watch)
    assert [line["log_level"] for line in said] == ["warning"]


async def test_tells_when_other_rules_are_in_force(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLICY_INTERVAL", 0.01)
    watch = await PolicyWatch.open(place)
    told: list[bool] = []
    async with watch.watching(lambda: told.append(may(watch))):
        (place / "b.cedar").write_text(ALL.replace("permit", "forbid"))
        await eventually(lambda: bool(told), "a word of it")
    assert told == [False]
    (place / "b.cedar").unlink()
    await asyncio.sleep(0.1)
    assert told == [False], "nobody looks any more"


class Told:
    def __init__(self) -> None:
        self.words: list[str] = []

    def policies_loaded(self, count: int) -> None:
        self.words.append(f"loaded {count}")

    def policies_refused(self, problem: str) -> None:
        self.words.append(problem)


async def test_tells_what_becomes_of_changes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLICY_INTERVAL", 0.01)
    watch = await PolicyWatch.open(place)
    told = Told()
    async with watch.watching(lambda: None, told):
        (place / "b.cedar").write_text("permit(")
        await eventually(lambda: len(told.words) == 1, "refused")
        (place / "b.cedar").write_text(ALL)
        await eventually(lambda: len(told.words) == 2, "loaded")
    assert told.words[0].startswith("b.cedar:1: ")
    assert told.words[1] == "loaded 2"
