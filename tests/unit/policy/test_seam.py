"""The seam has one implementation, which fits."""

from tests.unit.policy.worlds import ALICE, WEB, rules
from whale.model.principal import Action
from whale.policy.live import LivePolicy
from whale.policy.seam import Policy


def test_live_rules_are_a_policy() -> None:
    policy: Policy = LivePolicy(rules("permit(principal, action, resource);"))
    assert policy.decide(ALICE, Action.LOGS, WEB, None).allowed
    assert policy.may_list(ALICE, [WEB]) == [True]
