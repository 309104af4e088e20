"""A line is drawn in good time, once a second, where the terminal ends, and nothing is left of it."""

import os
from collections.abc import Iterator

import pytest

from whale.client.bottom_line import NEVER, BottomLine, cut
from whale.client.outlet import Outlet
from whale.model.terminal import TerminalSize


class Rig:
    """A terminal of some size, and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.size: TerminalSize | None = TerminalSize(cols=80, rows=24)
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.outlet = Outlet(self._writer)
        self.line = BottomLine(self.outlet, size=lambda: self.size, hint="; ~. leaves")
        self.line.is_allowed = True

    def shown(self) -> bytes:
        try:
            return os.read(self.reader, 100_000)
        except BlockingIOError:
            return b""

    def after(self, seconds: float) -> bytes:
        """What is drawn when it is updated then."""
        self.now += seconds
        self.line.update()
        return self.shown()

    def close(self) -> None:
        self.outlet.close()
        os.close(self.reader)
        os.close(self._writer)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig()
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    yield made
    made.close()


def nowhere() -> TerminalSize | None:
    return None


def drawn(text: str, row: int = 24) -> bytes:
    return b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0;7m%b\x1b[K\x1b8" % (row, text.encode())


def erased(row: int = 24) -> bytes:
    return b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0m\x1b[2K\x1b8" % row


def test_what_is_over_within_a_second_is_not_drawn(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    assert rig.line.due == rig.now + 1
    assert rig.after(0.9) == b""
    rig.line.hide()
    assert rig.line.due == NEVER
    assert rig.after(5) == b""
    assert not rig.line.wants_picture


def test_it_says_what_is_the_matter_and_counts_the_seconds(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    assert rig.after(1) == drawn(" whale: gone for 1 s; ~. leaves")
    assert rig.after(0.5) == b""
    assert rig.after(0.6) == drawn(" whale: gone for 2 s; ~. leaves")
    rig.line.show("still\x1b gone", since=rig.now)
    assert rig.after(0) == drawn(" whale: still\\x1b gone for 2 s; ~. leaves"), "at once, and since then"
    assert rig.after(60) == drawn(" whale: still\\x1b gone for 1 min 2 s; ~. leaves")
    assert rig.after(3600) == drawn(" whale: still\\x1b gone for 1 h 1 min; ~. leaves")
    rig.line.hide()
    assert rig.shown() == erased()
    rig.line.hide()
    assert rig.after(9) == b""


def test_the_picture_is_wanted_from_the_first_drawing_on(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    rig.now += 1
    assert rig.line.update()
    rig.now += 1
    assert not rig.line.update(), "said once"
    rig.line.hide()
    assert rig.line.wants_picture, "until it has come"


def test_it_follows_the_size(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    rig.after(1)
    rig.size = TerminalSize(cols=80, rows=40)
    rig.line.resized()
    assert rig.shown() == erased(24)
    assert rig.after(0) == drawn(" whale: gone for 1 s; ~. leaves", 40)
    rig.size = TerminalSize(cols=10, rows=10)
    rig.line.resized()
    assert rig.shown() == erased(10), "there is no other row"
    assert rig.after(0) == drawn(" whale: g", 10)
    rig.size = TerminalSize(cols=10, rows=12)
    assert rig.after(1) == erased(10) + drawn(" whale: g", 12), "a change that nobody told"
    rig.size = nowhere()
    assert rig.after(1) == b""
    rig.line.hide()
    assert rig.shown() == erased(12)
    rig.line.resized()
    assert rig.shown() == b""


def test_it_comes_back_after_something_was_written(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    rig.after(1)
    rig.line.erase()
    rig.line.erase()
    assert rig.shown() == erased()
    assert rig.after(1) == drawn(" whale: gone for 2 s; ~. leaves")


def test_it_waits_for_no_terminal_and_adds_nothing_to_what_waits(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    rig.after(1)
    rig.outlet.put(b"x" * (1 << 20))
    assert rig.outlet.flush() < 1 << 20
    rig.shown()
    rig.after(1)
    rig.line.hide()
    left = b""
    while rig.outlet.is_blocked:
        rig.outlet.flush()
        left += rig.shown()
    assert left.strip(b"x") == erased(), "and it comes in its turn"


def test_where_the_picture_can_not_be_had_nothing_is_drawn(rig: Rig) -> None:
    rig.line.is_allowed = False
    for line in (rig.line, BottomLine()):
        line.show("gone", since=rig.now)
        rig.now += 2
        assert (line.due, line.update()) == (NEVER, False)


def test_a_terminal_that_is_gone_is_not_its_business(rig: Rig) -> None:
    rig.line.show("gone", since=rig.now)
    os.close(rig.reader)
    rig.now += 1
    rig.line.update()
    rig.line.hide()
    rig.reader = os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("abc", 0, ""),
        ("abc", -1, ""),
        ("漢字", 4, "漢字"),
        ("漢字", 3, "漢"),
        ("e\u0301a", 1, "e\u0301"),
        ("äb", 2, "äb"),
    ],
)
def test_it_is_cut_by_what_is_seen(text: str, width: int, shown: str) -> None:
    assert cut(text, width=width) == shown
