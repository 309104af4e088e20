"""The rules in force can be replaced, and what is remembered is never an answer of others."""

import pytest

from tests.unit.policy.worlds import ALICE, BOB, NOW, WEB, container, rules
from whale.model.container import ContainerState
from whale.model.exec import ExecSpec
from whale.model.principal import Action
from whale.policy import live as module
from whale.policy.live import LivePolicy
from whale.policy.rules import Rules

TEAM = rules("permit(principal, action, resource is Container) when { principal in resource.access };")
ALL = rules("permit(principal, action, resource);")
OFFICE_HOURS = rules(
    'permit(principal, action, resource) when { context.time.toTime() < duration("17h") };'
)  # fmt: skip


def spied(policy: LivePolicy, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many containers each call is about."""
    calls: list[int] = []
    real_list, real_decide = Rules.may_list, Rules.decide

    def may_list(self: Rules, principal, containers, *, now):  # type: ignore[no-untyped-def]
        calls.append(len(containers))
        return real_list(self, principal, containers, now=now)

    def decide(self: Rules, *args, **more):  # type: ignore[no-untyped-def]
        calls.append(1)
        return real_decide(self, *args, **more)

    monkeypatch.setattr(Rules, "may_list", may_list)
    monkeypatch.setattr(Rules, "decide", decide)
    return calls


def test_a_list_is_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = LivePolicy(TEAM)
    calls = spied(policy, monkeypatch)
    ours, theirs = container("a", whale_access="team-x"), container("b", whale_access="team-y")
    assert policy.may_list(ALICE, [ours, theirs]) == [True, False]
    assert policy.may_list(ALICE._replace(address="198.51.100.1"), [theirs, ours]) == [False, True]
    stopped = ours._replace(state=ContainerState.EXITED, status="Exited")
    assert policy.may_list(ALICE, [stopped, WEB]) == [True, False]
    assert calls == [2, 0, 1]


def test_other_facts_are_another_question() -> None:
    policy = LivePolicy(TEAM)
    ours = container("a", whale_access="team-x")
    assert policy.may_list(ALICE, [ours]) == [True]
    assert policy.may_list(ALICE, [ours._replace(labels={})]) == [False]
    assert policy.may_list(BOB, [ours]) == [False]
    assert policy.may_list(ALICE._replace(groups=()), [ours]) == [False]
    assert policy.may_list(ALICE, [ours]) == [True]


def test_other_rules_begin_anew() -> None:
    policy = LivePolicy(TEAM)
    assert policy.may_list(BOB, [WEB]) == [False]
    assert not policy.decide(BOB, Action.LOGS, WEB, None).allowed
    policy.replace(ALL)
    assert policy.generation == 1
    assert policy.may_list(BOB, [WEB]) == [True]
    assert policy.decide(BOB, Action.LOGS, WEB, None).allowed
    assert policy.decide(BOB, Action.SHELL, WEB, ExecSpec()).allowed


def test_what_changes_by_itself_is_not_remembered() -> None:
    now = [NOW]
    policy = LivePolicy(OFFICE_HOURS, clock=lambda: now[0])
    assert policy.changes_by_itself
    assert policy.may_list(ALICE, [WEB]) == [True]
    assert policy.decide(ALICE, Action.LOGS, WEB, None).allowed
    now[0] += 10 * 3600
    assert policy.may_list(ALICE, [WEB]) == [False]
    assert not policy.decide(ALICE, Action.LOGS, WEB, None).allowed


def test_decisions_are_remembered_by_action_and_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = LivePolicy(rules("permit(principal, action, resource is Session) when { resource in principal };"))
    calls = spied(policy, monkeypatch)
    for _ in range(2):
        assert policy.decide(ALICE, Action.VIEW, WEB, None, owner="alice").allowed
        assert not policy.decide(ALICE, Action.VIEW, WEB, None, owner="bob").allowed
        assert not policy.decide(ALICE, Action.LOGS, WEB, None).allowed
    moved = ALICE._replace(address="")
    assert policy.decide(moved, Action.VIEW, WEB, None, owner="alice").principal == moved
    assert len(calls) == 3
    for _ in range(2):
        policy.decide(ALICE, Action.SHELL, WEB, ExecSpec())
    assert len(calls) == 5, "what runs is never the same twice"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONTAINERS", 3)
    monkeypatch.setattr(module, "MAX_PRINCIPALS", 2)
    policy = LivePolicy(TEAM)
    many = [container(str(number), whale_access="team-x") for number in range(10)]
    for who in (ALICE, BOB, ALICE._replace(name="c"), ALICE):
        assert policy.may_list(who, many) == [who is not BOB] * 10
    assert len(policy._known) <= 3
    assert len(policy._principals) <= 2
    monkeypatch.setattr(module, "MAX_DECIDED", 5)
    for number in range(20):
        assert not policy.decide(ALICE, Action.VIEW, WEB, None, owner=str(number)).allowed
    assert len(policy._about(WEB).decided) <= 5
