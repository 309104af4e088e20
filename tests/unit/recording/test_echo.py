"""What is kept of what was typed. tests/integration/test_echo.py has real programs."""

from whale.model.limits import ECHO_GRACE, MAX_ECHO_PENDING
from whale.recording.echo import EchoFilter, Kept

LATE = round(ECHO_GRACE * 1000) + 1


def test_a_line_is_kept_with_its_times_when_it_came_back() -> None:
    echo = EchoFilter()
    for at, character in enumerate(b"ls"):
        assert echo.typed(at * 10, bytes((character,))) == []
        assert echo.output(at * 10 + 1, bytes((character,))) == []
    assert echo.typed(30, b"\r") == [Kept(0, b"l", 0), Kept(10, b"s", 0), Kept(30, b"\r", 0)]
    assert echo.pending == 0


def test_a_password_is_withheld_when_the_line_ends() -> None:
    echo = EchoFilter()
    assert echo.typed(0, b"hunter2") == []
    assert echo.typed(5, b"\r") == []
    assert echo.output(6, b"\r\n$ ") == [Kept(0, b"", 7), Kept(5, b"\r", 0)]


def test_a_password_is_withheld_when_nothing_comes() -> None:
    echo = EchoFilter()
    echo.typed(0, "pässwort".encode())
    assert echo.flush(LATE - 1) == []
    assert echo.flush(LATE) == [Kept(0, b"", 8)]
    assert echo.typed(LATE + 1, b"more\x7f\r") == [
        Kept(LATE + 1, b"", 4),
        Kept(LATE + 1, b"\x7f\r", 0),
    ]


def test_the_rhythm_of_a_password_is_not_kept() -> None:
    echo = EchoFilter()
    for at in range(5):
        echo.typed(at * 100, b"x")
    assert echo.output(600, b"\n") == []
    echo.typed(700, b"\r")
    assert echo.output(701, b"\r\n") == [Kept(0, b"", 5), Kept(700, b"\r", 0)]


def test_stars_are_no_echo() -> None:
    echo = EchoFilter()
    for at, character in enumerate(b"hunter2"):
        echo.typed(at, bytes((character,)))
        echo.output(at, b"*")
    echo.typed(10, b"\r")
    assert echo.output(11, b"\r\n") == [Kept(0, b"", 7), Kept(10, b"\r", 0)]


def test_letters_of_a_password_in_other_output_are_no_echo() -> None:
    echo = EchoFilter()
    echo.typed(0, b"abc\r")
    kept = echo.output(1, b"a line with abc\r\nb\r\nc\r\nabc\r\n")
    assert kept == [Kept(0, b"", 3), Kept(0, b"\r", 0)]


def test_lines_typed_at_once_come_back_at_once() -> None:
    echo = EchoFilter()
    echo.typed(0, b"one\rtwo\r")
    assert echo.output(1, b"one\r\ntwo\r\n") == [Kept(0, b"one\r", 0), Kept(0, b"two\r", 0)]


def test_the_end_of_a_line_that_was_kept_is_not_that_of_the_next_one() -> None:
    echo = EchoFilter()
    echo.typed(0, b"one")
    echo.output(1, b"one")
    assert echo.typed(2, b"\rtwo\r") == [Kept(0, b"one", 0), Kept(2, b"\r", 0)]
    assert echo.output(3, b"\r\ntwo\r\n") == [Kept(2, b"two\r", 0)]


def test_a_password_typed_ahead_behind_a_command_is_withheld() -> None:
    echo = EchoFilter()
    echo.typed(0, b"sudo x\rhunter2\r")
    kept = echo.output(1, b"sudo x\r\nPassword: \r\n")
    assert kept == [Kept(0, b"sudo x\r", 0), Kept(0, b"", 7), Kept(0, b"\r", 0)]


def test_a_line_after_a_password_whose_line_does_not_end_is_kept() -> None:
    echo = EchoFilter()
    echo.typed(0, b"hunter2\r")
    echo.output(1, b"$ ")
    echo.typed(10, b"ls")
    echo.output(11, b"ls")
    echo.typed(20, b"\r")
    assert echo.finish() == [Kept(0, b"", 7), Kept(0, b"\r", 0), Kept(10, b"ls", 0), Kept(20, b"\r", 0)]


def test_keys_are_kept_at_once() -> None:
    echo = EchoFilter()
    assert echo.typed(3, b"\x1b[A") == [Kept(3, b"\x1b[A", 0)]
    assert echo.typed(4, b"\t\x04") == [Kept(4, b"\t\x04", 0)]


def test_answers_of_the_terminal_are_never_kept() -> None:
    echo = EchoFilter()
    assert echo.typed(0, b"\x1b]52;c;c2VjcmV0\x07") == [Kept(0, b"", 16)]


def test_colours_and_wrapping_do_not_matter() -> None:
    echo = EchoFilter()
    echo.typed(0, b"echo word\r")
    assert echo.output(1, b"\x1b[32mec\x1b[0mho w \rord\r\n") == [Kept(0, b"echo word\r", 0)]


def test_more_than_there_is_room_for_is_withheld() -> None:
    echo = EchoFilter()
    assert echo.typed(0, b"x" * (MAX_ECHO_PENDING + 1)) == [Kept(0, b"", MAX_ECHO_PENDING + 1)]
    assert echo.pending == 0


def test_the_end_withholds_what_has_not_come_back() -> None:
    echo = EchoFilter()
    echo.typed(0, b"half")
    echo.output(1, b"ha")
    assert echo.finish() == [Kept(0, b"", 4)]
    assert EchoFilter().finish() == []
