"""Nobody escapes a recording: whatever other permits fit, in whatever slice they are asked about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.test_rules import PEOPLE, PERMITS, SHELL, THINGS
from tests.unit.policy.worlds import NOW, rules
from whale.model.principal import Action, Decision, Need, Principal
from whale.model.recording import OnUnrecorded, RecordMode
from whale.policy import slices

MODES, FAILURES = list(RecordMode), list(OnUnrecorded)
NOTES = st.sampled_from(
    ["", *(f'@record("{mode}") @unrecorded("{failure}") ' for mode in MODES[1:] for failure in FAILURES)]
)
NOTED = st.builds("{}{}".format, NOTES, PERMITS)


def decided(texts: list[str], who: Principal, repeats: int) -> list[Decision]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_REPEATS", repeats)
        made = rules("\n".join(texts))
        return [made.decide(who, Action.SHELL, thing, SHELL, now=NOW) for thing in THINGS]


@pytest.mark.parametrize("repeats", [0, 10**9])
@given(st.lists(NOTED, max_size=6), st.lists(PERMITS, min_size=1, max_size=6), PEOPLE)
def test_a_permit_without_record_never_takes_a_recording_away(
    repeats: int, texts: list[str], more: list[str], who: Principal
) -> None:
    before, after = decided(texts, who, repeats), decided(texts + more, who, repeats)
    for one, other in zip(before, after, strict=True):
        if one.allowed:
            assert other.allowed
            assert other.recording == one.recording


@pytest.mark.parametrize("repeats", [0, 10**9])
@given(st.lists(NOTED, max_size=6), NOTED, PEOPLE)
def test_no_permit_makes_a_recording_less(repeats: int, texts: list[str], more: str, who: Principal) -> None:
    for one, other in zip(decided(texts, who, repeats), decided([*texts, more], who, repeats), strict=True):
        assert MODES.index(other.recording.mode) >= MODES.index(one.recording.mode)
        if one.recording.is_recorded:
            assert FAILURES.index(other.recording.failure) >= FAILURES.index(one.recording.failure)


@given(st.lists(NOTED, min_size=1, max_size=6), PEOPLE)
def test_slices_and_shortened_heads_record_the_same(texts: list[str], who: Principal) -> None:
    assert decided(texts, who, 0) == decided(texts, who, 10**9)


@given(st.lists(NOTED, max_size=4), PEOPLE)
def test_an_approval_takes_no_recording_away(texts: list[str], who: Principal) -> None:
    asked = '@needs("approval") @record("all") permit(principal, action == Action::"shell", resource);'
    for decision in decided([*texts, asked], who, 0):
        assert decision.allowed or decision.need is Need.APPROVAL
        assert decision.recording.mode == RecordMode.ALL
