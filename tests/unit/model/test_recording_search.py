from tests.recordings import recording
from whale.model.recording_search import Found, FoundLine, FoundRecording


def test_what_was_found_is_said_with_what_was_left_out() -> None:
    found = Found([FoundRecording(recording(), [FoundLine(5, "screen", "text")])], is_whole=False, encrypted=2)
    assert (found.recordings[0].lines[0].at, found.is_whole, found.encrypted) == (5, False, 2)
