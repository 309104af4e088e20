"""What is known of a recording."""

from whale.model.recordings import RecordingQuery, RecordingState, RecordingStatus, container_then


def test_a_query_fits_everything_unless_it_says_something() -> None:
    assert not any(value for name, value in RecordingQuery()._asdict().items() if name != "limit")


def test_a_recording_begins_with_nothing() -> None:
    state = RecordingState()
    assert state.status is RecordingStatus.RECORDING
    assert (state.ended, state.exit_status, state.duration, state.head) == (None, None, 0, "")


def test_a_container_is_what_the_policies_know_of_it() -> None:
    made = container_then(id="c" * 64, name="web", image="nginx", engine="local", labels={"a": "b"})
    assert (made.id, made.name, made.image, made.engine, made.labels) == ("c" * 64, "web", "nginx", "local", {"a": "b"})
