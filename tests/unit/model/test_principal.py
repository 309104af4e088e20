"""Who asks, and what they were answered."""

import msgspec

from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal
from whale.model.recording import NOT_RECORDED, OnUnrecorded, RecordingWish, RecordMode


def test_actions_are_what_the_product_can_do() -> None:
    assert {str(action) for action in Action} == {
        "list", "logs", "exec", "shell", "attach", "view", "kill", "approve", "audit.read",
        "record.read", "record.delete", "record.keep",
    }  # fmt: skip


def test_a_decision_says_of_whom_and_why() -> None:
    principal = Principal(name="ci", token_id=TokenId("t1"))
    decision = Decision(allowed=False, action=Action.EXEC, principal=principal, reason="read only")
    assert not decision.allowed
    assert (decision.principal.name, decision.reason) == ("ci", "read only")


def test_what_an_earlier_version_wrote_down_is_read() -> None:
    assert msgspec.convert(["ci", "t1"], Principal) == Principal("ci", TokenId("t1"))
    before = msgspec.convert([True, "exec", ["ci", "t1"], "because"], Decision)
    assert (before.policies, before.recording) == ((), NOT_RECORDED)


def test_what_is_recorded_is_written_down() -> None:
    wish = RecordingWish(RecordMode.ECHOED, OnUnrecorded.HOLD)
    made = Decision(True, Action.EXEC, Principal("ci", TokenId("t1")), "because", recording=wish)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Decision) == made
