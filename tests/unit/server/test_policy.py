"""Which policies a server has, by its settings."""

from pathlib import Path

import pytest

from tests.engines import eventually
from tests.unit.policy.worlds import ALICE, WEB
from tests.unit.server.settings import config_for
from whale.model.errors import ConfigError
from whale.model.exec import ExecSpec
from whale.model.principal import Action
from whale.policy import watch
from whale.server.config_model import PolicySection
from whale.server.policy import ServerPolicy


@pytest.mark.parametrize("allow_privileged", [False, True])
async def test_without_a_directory_the_settings_count(tmp_path: Path, allow_privileged: bool) -> None:
    section = PolicySection(allow_privileged=allow_privileged, sessions="view")
    policy = await ServerPolicy.open(config_for(tmp_path, policy=section))
    privileged = policy.live.decide(ALICE, Action.EXEC, WEB, ExecSpec(privileged=True))
    assert privileged.allowed is allow_privileged
    assert policy.live.decide(ALICE, Action.VIEW, WEB, None, owner="bob").allowed
    assert not policy.live.decide(ALICE, Action.KILL, WEB, None, owner="bob").allowed
    assert not policy.live.decide(ALICE, Action.AUDIT_READ, None, None).allowed
    open_trail = await ServerPolicy.open(config_for(tmp_path, policy=PolicySection(audit=True)))
    assert open_trail.live.decide(ALICE, Action.AUDIT_READ, None, None).allowed
    assert policy.announcement() == []
    async with policy.watching(lambda: None):
        assert policy.watch is None


async def test_a_directory_counts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLICY_INTERVAL", 0.01)
    place = tmp_path / "policies"
    place.mkdir()
    policy = await ServerPolicy.open(config_for(tmp_path, policy=PolicySection(dir=str(place))))
    assert not policy.live.decide(ALICE, Action.LOGS, WEB, None).allowed
    assert "nobody may do anything" in policy.announcement()[0]
    assert f"whale-server policy init {place}" in policy.announcement()[1]
    told: list[int] = []
    async with policy.watching(lambda: told.append(policy.live.generation)):
        (place / "all.cedar").write_text("permit(principal, action, resource);")
        await eventually(lambda: told == [1], "the change")
    assert policy.live.decide(ALICE, Action.LOGS, WEB, None).allowed
    assert policy.announcement() == [f"1 policies from {place}"]


async def test_a_wrong_policy_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("\npermit(")
    with pytest.raises(ConfigError, match=r"a\.cedar:2: "):
        await ServerPolicy.open(config_for(tmp_path, policy=PolicySection(dir=str(tmp_path))))
