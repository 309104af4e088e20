"""What is recorded when several policies have a say."""

from hypothesis import given
from hypothesis import strategies as st

from whale.model.recording import NOT_RECORDED, OnUnrecorded, RecordingWish, RecordMode, said_wish, strictest

MODES, FAILURES = list(RecordMode), list(OnUnrecorded)
WISHES = st.builds(RecordingWish, st.sampled_from(MODES), st.sampled_from(FAILURES))


def test_nobody_wants_anything() -> None:
    assert strictest([]) == strictest([RecordingWish(RecordMode.NOTHING, OnUnrecorded.ALARM)]) == NOT_RECORDED
    assert not NOT_RECORDED.is_recorded


@given(st.lists(WISHES, max_size=6), WISHES)
def test_one_more_never_takes_anything_away(wishes: list[RecordingWish], more: RecordingWish) -> None:
    before, after = strictest(wishes), strictest([*wishes, more])
    assert MODES.index(after.mode) >= MODES.index(before.mode)
    if before.is_recorded:
        assert FAILURES.index(after.failure) >= FAILURES.index(before.failure)
    assert strictest([more, *wishes]) == after, "their order says nothing"


def test_what_wants_no_recording_does_not_say_what_happens_without() -> None:
    alarm = RecordingWish(RecordMode.OUTPUT, OnUnrecorded.ALARM)
    assert strictest([NOT_RECORDED, alarm]) == alarm


def test_is_said_in_words() -> None:
    assert str(RecordingWish(RecordMode.OUTPUT)) == "output; without a recording the session ends"
    assert said_wish("echoed", "hold") == (
        "output, and input while it is echoed; without a recording the session stands still"
    )
    assert said_wish("smell", "hold") == "smell, hold"
