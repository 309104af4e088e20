"""The policy of this version: everything but privileged execs, always with a reason."""

import pytest

from whale.access.policy import DefaultPolicy, Policy
from whale.model.container import Container, ContainerState
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId, TokenId
from whale.model.principal import Action, Principal

ALICE = Principal("alice", TokenId("a" * 12))
WEB = Container(ContainerId("c" * 64), "web", "nginx", ContainerState.RUNNING, "local")
SPECS = [None, ExecSpec(), ExecSpec(command=("id",), user="root")]


@pytest.mark.parametrize("allow_privileged", [False, True])
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("container", [None, WEB])
@pytest.mark.parametrize("action", [action for action in Action if action is not Action.AUDIT_READ])
def test_a_valid_token_may_do_everything_ordinary(
    action: Action, container: Container | None, spec: ExecSpec | None, allow_privileged: bool
) -> None:
    policy: Policy = DefaultPolicy(allow_privileged=allow_privileged)
    decision = policy.decide(ALICE, action, container, spec)
    assert decision.allowed is True
    assert (decision.action, decision.principal) == (action, ALICE)
    assert decision.reason == f"every valid token may {action.value}"


@pytest.mark.parametrize("action", [Action.EXEC, Action.SHELL])
def test_privileged_is_off_unless_set(action: Action) -> None:
    spec = ExecSpec(command=("id",), privileged=True)
    denied = DefaultPolicy().decide(ALICE, action, WEB, spec)
    assert denied.allowed is False
    assert "policy.allow_privileged" in denied.reason
    allowed = DefaultPolicy(allow_privileged=True).decide(ALICE, action, WEB, spec)
    assert allowed.allowed is True
    assert "policy.allow_privileged" in allowed.reason


@pytest.mark.parametrize("owner", ["alice", "bob"])
def test_typing_into_a_privileged_session_is_a_privileged_exec(owner: str) -> None:
    spec = ExecSpec(privileged=True)
    off, on = DefaultPolicy(sessions="control"), DefaultPolicy(sessions="control", allow_privileged=True)
    assert not off.decide(ALICE, Action.ATTACH, WEB, spec, owner=owner).allowed
    assert on.decide(ALICE, Action.ATTACH, WEB, spec, owner=owner).allowed
    assert off.decide(ALICE, Action.VIEW, WEB, spec, owner=owner).allowed, "who looks on does nothing"
    assert off.decide(ALICE, Action.KILL, WEB, spec, owner=owner).allowed, "an end is always possible"


@pytest.mark.parametrize("allows", [False, True])
def test_the_audit_trail_is_for_nobody_unless_set(allows: bool) -> None:
    decision = DefaultPolicy(audit=allows).decide(ALICE, Action.AUDIT_READ, None, None)
    assert decision.allowed is allows
    assert "policy.audit" in decision.reason
    assert DefaultPolicy().decide(ALICE, Action.AUDIT_READ, None, None).allowed is False
