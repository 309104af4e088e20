from whale.recording.event import Code
from whale.recording.text import ERROR_OUTPUT, INPUT, OUTPUT, RESIZE, LineKind, RecordingText, spoken_lines

SCREEN, TYPED = LineKind.SCREEN, LineKind.TYPED


def test_the_codes_are_those_of_recordings() -> None:
    assert (OUTPUT, ERROR_OUTPUT, INPUT, RESIZE) == (Code.OUTPUT, Code.ERROR_OUTPUT, Code.INPUT, Code.RESIZE)


def test_what_was_typed_and_what_was_shown_are_lines() -> None:
    events = [(0, "o", b"$ "), (5, "i", b"ls\r"), (6, "o", b"ls\r\nfile"), (7, "m", b"bob came"), (8, "x", b"0")]
    assert list(spoken_lines(RecordingText(), events)) == [(5, TYPED, "ls"), (6, SCREEN, "$ ls"), (6, SCREEN, "file")]


def test_another_size_folds_lines_elsewhere() -> None:
    text = RecordingText(cols=80)
    assert text.feed(0, "r", b"10x5") == text.feed(0, "r", b"nonsense") == []
    text.feed(1, "o", b"0123456789ab")
    assert text.feed(2, "o", b"\x1b[1;5H!\r\n") == [(2, SCREEN, "0123!56789ab")]


def test_pipes_have_lines_of_their_own() -> None:
    text = RecordingText(is_terminal=False)
    assert text.feed(0, "o", b"out") + text.feed(0, "e", b"error\n") == [(0, SCREEN, "error")]
    assert text.feed(0, "i", b"data\r") + text.feed(0, "r", b"10x5") == []
    assert text.finish() == [(0, SCREEN, "out")]


def test_what_is_no_text_is_no_line() -> None:
    assert RecordingText().feed(0, "o", b"\xff\xfe\xfdab\r\nab\xffcdefgh\r\n") == [(0, SCREEN, "ab\ufffdcdefgh")]


def test_a_picture_is_known_and_goes_on() -> None:
    text = RecordingText()
    text.begin(b"\x1b[1;1Hold\x1b[2;1Hdrop ta", 5, cols=40, rows=10)
    assert text.feed(6, "o", b"ble\r\n\x1b[3;1Hnew") == [(6, SCREEN, "drop table")]
    assert text.finish() == [(6, SCREEN, "new")]
