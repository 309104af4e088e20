"""A decision in words, with the token's groups and the engine's container."""

from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.model.errors import TargetError, UsageError
from whale.model.exec import ExecSpec
from whale.model.principal import Action
from whale.server import tokens, users
from whale.server.config_model import Config, PolicySection
from whale.server.policy_explain import explain, lines

POLICIES = """
@id("see") permit(principal in Group::"dev", action == Action::"list", resource);
@id("run") permit(principal in Group::"dev", action == Action::"shell", resource) when { context.user == "app" };
@id("own") permit(principal, action == Action::"view", resource) when { resource in principal };
"""


@pytest.fixture
async def config(tmp_path: Path) -> Config:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.cedar").write_text(POLICIES)
    await tokens.create(tmp_path / "state", "alice", groups=["dev"])
    await tokens.create(tmp_path / "state", "gone")
    await tokens.revoke(tmp_path / "state", "gone")
    return config_for(tmp_path / "state", policy=PolicySection(dir=str(tmp_path / "policies")))


async def said(
    config: Config, name: str, action: Action, *, user: str = "", owner: str = "", **more: tuple[str, ...]
) -> list[str]:
    spec = ExecSpec(tty=True, user=user)
    return lines(await explain(config, name, action, "web", spec, owner=owner, groups=more.get("groups", ())))


async def test_says_yes_and_no(config: Config) -> None:
    yes = await said(config, "alice", Action.SHELL, user="app")
    assert yes[:2] == ["yes: allowed by run", "by: run"]
    assert yes[2].startswith("decided: shell on web (")
    assert yes[3:] == ["for: alice, in dev"]
    no = await said(config, "alice", Action.SHELL, user="0")
    assert no[0] == "no: no policy allows you to shell here"
    assert no[-1] == "missing: run permits it under conditions that are not met"


async def test_says_what_is_recorded(config: Config, tmp_path: Path) -> None:
    policies = POLICIES.replace('@id("run")', '@id("run") @record("output")')
    (tmp_path / "policies" / "a.cedar").write_text(policies)
    yes = await said(config, "alice", Action.SHELL, user="app")
    assert yes[-1] == "recorded: output; without a recording the session ends"


async def test_what_is_hidden_is_the_first_thing_missing(config: Config) -> None:
    hidden = await said(config, "carol", Action.SHELL, user="app", groups=("other",))
    assert hidden[2].startswith("decided: list on web")
    assert hidden[-1] == "missing: see permits it to the group dev, which carol is not in"


async def test_sessions_have_an_owner(config: Config) -> None:
    assert (await said(config, "alice", Action.VIEW))[0].startswith("yes")
    assert (await said(config, "alice", Action.VIEW, owner="bob"))[0].startswith("no")


async def test_a_person_is_a_user(config: Config) -> None:
    await users.add(config.store_place, "dora", groups=["dev"])
    policy = Path(config.policy.dir) / "b.cedar"
    policy.write_text('@id("dora") permit(principal == User::"dora", action == Action::"logs", resource);')
    assert (await said(config, "dora", Action.LOGS))[:2] == ["yes: allowed by dora", "by: dora"]
    await users.disable(config.store_place, "dora")
    with pytest.raises(UsageError, match="no living token named dora"):
        await said(config, "dora", Action.LOGS)


async def test_who_or_what_is_not_there_is_an_error(config: Config) -> None:
    for name in ("bob", "gone"):
        with pytest.raises(UsageError, match=f"no living token named {name}"):
            await said(config, name, Action.LIST)
    with pytest.raises(TargetError):
        await explain(config, "alice", Action.LIST, "missing", ExecSpec(), groups=(), owner="")


async def test_what_the_token_is_not_good_for_is_said(config: Config, tmp_path: Path) -> None:
    await tokens.create(tmp_path / "state", "ci", groups=["dev"], actions=["exec"], containers=["web"])
    scope = "exec on name:web"
    no = await said(config, "ci", Action.SHELL, user="app")
    assert no[0] == "no: outside the token's scope"
    assert no[-2:] == [f"scope: {scope}", f"missing: another token: the scope of this one is {scope}"]
    await tokens.create(tmp_path / "state", "elsewhere", groups=["dev"], containers=["db"])
    hidden = await said(config, "elsewhere", Action.SHELL, user="app")
    assert (hidden[0], hidden[2][:13]) == ("no: outside the token's scope", "decided: list")
