"""All screens of a server: what is left of them when their process ends, and how it comes back."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.unit.keeper.conftest import eventually, is_running
from tests.unit.screen import children
from whale.model.limits import MAX_SCREEN_PAUSE, SCREEN_PAUSE, SCREEN_STEADY
from whale.model.terminal import TerminalSize
from whale.screen import client
from whale.screen import screens as module
from whale.screen.screens import Screen, Screens

SIZE = TerminalSize(cols=80, rows=24)
HUGE = TerminalSize(cols=1000, rows=100)

Make = Callable[..., Screens]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Make]:
    made: list[Screens] = []

    def makes(command: Sequence[str] | None = None) -> Screens:
        made.append(Screens(command, clock=clock))
        return made[-1]

    yield makes
    for screens in made:
        screens.shut_down()


def opened(screens: Screens, size: TerminalSize = SIZE, *, blamed: list[int] | None = None) -> Screen:
    """A screen that adds its number to `blamed` when it is blamed."""
    numbers: list[int] = []
    screen = screens.open(size, blame=lambda _fault: None if blamed is None else blamed.extend(numbers))
    assert screen is not None
    numbers.append(screen._number)
    return screen


def test_nothing_is_started_before_it_is_needed(make: Make) -> None:
    screens = make()
    assert screens.pid == 0
    screens.warm_up()
    assert is_running(screens.pid)
    assert screens.unavailable() == ""
    number = screens.pid
    screens.shut_down()
    assert screens.pid == 0
    assert not is_running(number)


def test_screens_show_what_each_was_fed(make: Make) -> None:
    screens = make()
    one, other = opened(screens), opened(screens)
    one.feed(b"one\x1b[5n")
    other.feed(b"x" * 200_000 + b"\x1b[2J\x1b[Hother")
    one.resize(TerminalSize(cols=2, rows=5))
    assert b"\x1b[1Hone" in one.repaint()
    assert b"other" in other.repaint()
    assert one.replies() == b"\x1b[0n"
    one.close()
    one.close()
    one.feed(b"more")
    assert one.repaint() == b""
    assert b"other" in other.repaint()


def test_who_was_fed_nothing_since_is_not_asked_for_replies(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    screens = make()
    screen = opened(screens)
    screen.feed(b"\x1b[5n")
    assert screen.replies() == b"\x1b[0n"
    monkeypatch.setattr(screens, "ask", None)
    assert screen.replies() == b""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_all_are_gone_with_the_process_and_nobody_is_blamed_for_an_idle_one(make: Make, number: signal.Signals) -> None:
    screens, blamed = make(), list[int]()
    one, other = opened(screens, blamed=blamed), opened(screens, blamed=blamed)
    one.repaint()
    assert other.repaint() != b""
    before = screens.pid
    os.kill(before, number)
    eventually(lambda: not is_running(before), "ended")
    assert one.repaint() == b""
    assert one.is_gone
    assert other.is_gone
    assert not blamed
    assert screens.ended == 1
    assert module.process_ends() == 0, "of another one"
    again = opened(screens)
    again.feed(b"again")
    assert b"again" in again.repaint()
    assert screens.pid != before


def test_the_one_that_it_was_at_is_blamed(make: Make) -> None:
    screens, blamed = make(children.ILL), list[int]()
    one, guilty, other = (opened(screens, blamed=blamed) for _ in range(3))
    one.feed(b"fine")
    guilty.feed(b"ILL")
    other.feed(b"fine, too")
    assert other.repaint() == b""
    assert one.is_gone
    assert guilty.is_gone
    assert other.is_gone
    assert blamed == [guilty._number]


def test_a_real_fault_of_the_library_is_blamed_on_what_it_read(make: Make) -> None:
    screens, blamed = make(children.UNGUARDED), list[int]()
    one, guilty = opened(screens, blamed=blamed), opened(screens, HUGE, blamed=blamed)
    one.feed(b"fine")
    guilty.feed(children.LINKS)
    assert one.repaint() == b""
    assert blamed == [guilty._number]


def test_with_the_guard_it_is_no_fault(make: Make) -> None:
    screens, blamed = make(), list[int]()
    screen = opened(screens, HUGE, blamed=blamed)
    screen.feed(children.LINKS)
    assert "漢".encode() in screen.repaint()
    assert not blamed


def test_one_that_stands_still_is_waited_for_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SCREEN_ANSWER", 0.5)
    screens = make()
    some = [opened(screens) for _ in range(5)]
    for screen in some:
        screen.feed(b"text")
        screen.repaint()
    before = screens.pid
    os.kill(before, signal.SIGSTOP)
    began = time.monotonic()
    for screen in some:
        screen.feed(bytes(300_000))
        assert screen.repaint() == b""
    assert 0.5 <= time.monotonic() - began < 3
    assert not is_running(before)


def test_the_pause_grows_when_it_ends_again_and_again(make: Make, clock: Clock) -> None:
    screens = make()
    pauses = []
    for _ in range(10):
        while screens.open(SIZE, blame=lambda _fault: None) is None:
            clock.now += SCREEN_PAUSE / 4
        os.kill(screens.pid, signal.SIGKILL)
        opened_at = clock.now
        screens.warm_up()
        assert screens.pid == 0
        pauses.append(screens._not_before - opened_at)
    assert pauses[:4] == [0.0, SCREEN_PAUSE, 2 * SCREEN_PAUSE, 4 * SCREEN_PAUSE]
    assert pauses[-1] == MAX_SCREEN_PAUSE
    assert screens.unavailable().startswith("the emulator's process ended (it ended (SIGKILL))")
    clock.now += SCREEN_STEADY + 1
    opened(screens)
    os.kill(screens.pid, signal.SIGKILL)
    screens.warm_up()
    assert screens._not_before == clock.now, "the first one again"


def test_a_machine_without_the_library(make: Make) -> None:
    screens = make(children.WITHOUT_LIBRARY)
    assert "pyghostty" in screens.unavailable()
    assert screens.pid == 0
    assert screens.open(SIZE, blame=lambda _fault: None) is None
    late = make(children.WITHOUT_LIBRARY)
    screen = opened(late)
    assert screen.repaint() == b""
    assert late.open(SIZE, blame=lambda _fault: None) is None
    assert screen.is_gone


def test_an_interpreter_that_is_not_there(make: Make, clock: Clock) -> None:
    screens = make(["/nowhere/python"])
    assert "cannot be started" in screens.unavailable()
    assert screens.open(SIZE, blame=lambda _fault: None) is None
    assert screens.ended == 0


def test_there_are_no_more_than_so_many(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SCREENS", 2)
    screens = make()
    one, _ = opened(screens), opened(screens)
    assert screens.open(SIZE, blame=lambda _fault: None) is None
    one.close()
    opened(screens)


def test_a_thread_may_warm_it_up_meanwhile(make: Make) -> None:
    screens = make()
    thread = threading.Thread(target=screens.warm_up)
    thread.start()
    screen = opened(screens)
    screen.feed(b"early")
    assert b"early" in screen.repaint()
    thread.join()
    assert screens.ended == 0


def test_whether_there_can_be_screens_is_known_without_waiting() -> None:
    assert Screens().is_possible()
    assert Screens().pid == 0
