"""Every answer of the policy is heard, and a no is said with its reason."""

import pytest

from tests.unit.broker.conftest import ALICE, Judge
from tests.unit.policy.worlds import WEB
from whale.broker.decide import decide, denial
from whale.broker.trail import Trail
from whale.model.errors import AccessDenied
from whale.model.principal import Action, Decision, Need


def test_a_yes_is_handed_on() -> None:
    expected = Decision(True, Action.LOGS, ALICE, "because", ("judge",))
    assert decide(Judge(), ALICE, Action.LOGS, WEB, None, trail=Trail()) == expected


def test_a_no_says_why() -> None:
    judge = Judge()
    with pytest.raises(AccessDenied) as denied:
        decide(judge, ALICE, Action.VIEW, WEB, None, owner="bob", trail=Trail())
    assert denied.value.hint == "because"
    judge.others = {Action.VIEW}
    assert decide(judge, ALICE, Action.VIEW, WEB, None, owner="bob", trail=Trail()).allowed


def test_a_missing_reason_has_a_code_of_its_own() -> None:
    error = denial(Decision(False, Action.SHELL, ALICE, "because", need=Need.REASON))
    assert (error.code, error.message) == ("access.reason", "a reason is needed")
    assert "--reason" in error.hint
