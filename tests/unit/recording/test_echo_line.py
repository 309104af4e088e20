"""One typed line and its echo."""

from whale.model.limits import ECHO_GRACE
from whale.recording.echo_line import EchoLine
from whale.recording.keys import Kind, Unit

GRACE = round(ECHO_GRACE * 1000)


def line(text: bytes, *, at: int = 0) -> EchoLine:
    made = EchoLine()
    made.begin_run()
    made.add(Unit(at, Kind.CHARACTERS, text))
    return made


def test_an_echo_may_come_in_pieces() -> None:
    typed = line(b"abc")
    for text in (b"a", b"b"):
        typed.see(text)
        assert not typed.is_echoed
    typed.see(b"c and more")
    assert typed.is_echoed


def test_an_echo_begins_with_its_run() -> None:
    typed = line(b"abc")
    typed.see(b"x abc")
    assert not typed.is_echoed
    typed.begin_run()
    typed.see(b"abc")
    assert typed.is_echoed


def test_what_came_back_may_be_drawn_again() -> None:
    typed = line(b"ls")
    typed.see(b"ls")
    typed.begin_run()
    typed.add(Unit(1, Kind.CHARACTERS, b"x"))
    typed.see(b"lsx")
    assert typed.is_echoed


def test_something_else_may_not_be_drawn_before_it() -> None:
    typed = line(b"ls")
    typed.see(b"ls")
    typed.begin_run()
    typed.add(Unit(1, Kind.CHARACTERS, b"x"))
    typed.see(b"qqxls")
    assert not typed.is_echoed


def test_the_same_letters_elsewhere_are_no_echo() -> None:
    typed = line(b"abc")
    for text in (b"a", b"b", b"c"):
        typed.see(b"-" + text)
        typed.begin_run()
    assert not typed.is_echoed


def after(at: int) -> tuple[bool, bool]:
    typed = line(b"abc", at=100)
    typed.look_at_time(at)
    return typed.is_withheld, typed.is_decided(at)


def test_a_line_waits_for_its_echo_only_so_long() -> None:
    assert after(100 + GRACE) == (False, False)
    assert after(101 + GRACE) == (True, True)


def test_a_line_that_came_back_is_decided_when_it_is_entered_or_old() -> None:
    typed = line(b"abc")
    typed.see(b"abc")
    assert not typed.is_decided(GRACE)
    assert typed.is_decided(GRACE + 1)
    typed.add(Unit(5, Kind.ENTER, b"\r"))
    assert typed.is_decided(5)
    assert [unit.data for unit in typed.take()] == [b"abc", b"\r"]
    assert not typed.is_decided(5)


def test_keys_alone_are_decided_at_once() -> None:
    typed = EchoLine()
    typed.add(Unit(0, Kind.KEY, b"\t"))
    assert typed.is_decided(0)


def test_what_follows_in_a_line_that_is_withheld_is_not_waited_for() -> None:
    typed = line(b"abc")
    typed.is_withheld = True
    typed.take()
    typed.add(Unit(9, Kind.CHARACTERS, b"more"))
    assert typed.is_decided(9)
    assert typed.is_withheld


def test_stars_are_no_echo() -> None:
    typed = line(b"***")
    typed.see(b"***")
    typed.add(Unit(0, Kind.ENTER, b"\r"))
    typed.take()
    assert typed.is_withheld
