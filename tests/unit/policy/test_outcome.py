"""What counts is what the server comes to: what is hidden can't be used."""

from tests.unit.policy.worlds import ALICE, NOW, WEB, rules
from whale.model.exec import ExecSpec
from whale.model.principal import Action
from whale.policy.outcome import outcome

BLIND = rules(
    '@id("blind") permit(principal, action, resource)'
    'unless { action in [Action::"list", Action::"view", Action::"record.read"] };'
)
SEEING = rules(
    '@id("all") permit(principal, action, resource);'
    '@id("leads") permit(principal in Group::"developer", action == Action::"approve", resource);'
)

FIRST = dict.fromkeys((Action.ATTACH, Action.VIEW, Action.KILL), Action.VIEW) | dict.fromkeys(
    (Action.RECORD_READ, Action.RECORD_DELETE, Action.RECORD_KEEP), Action.RECORD_READ
)


def test_the_first_no_counts() -> None:
    for action in Action:
        first = FIRST.get(action, Action.LIST)
        denied = outcome(BLIND, ALICE, action, WEB, ExecSpec(), owner="bob", now=NOW)
        assert (denied.allowed, denied.action) == (False, first)
        allowed = outcome(SEEING, ALICE, action, WEB, ExecSpec(), owner="bob", now=NOW)
        assert (allowed.allowed, allowed.action, allowed.policies) == (
            True,
            action,
            ("leads",) if action is Action.APPROVE else ("all",),
        )
