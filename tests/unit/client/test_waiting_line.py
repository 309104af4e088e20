"""What is said while somebody else decides, on a terminal and elsewhere."""

import os

import pytest

from whale.client import say as say_module
from whale.client import waiting_line
from whale.client.bottom_line import NEVER
from whale.client.waiting_line import WaitingLine


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(waiting_line, "time", made)
    return made


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> int:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    monkeypatch.setattr(say_module, "STDERR", writer)
    return reader


def text(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""


def test_on_a_terminal_it_counts_and_goes_away(shown: int, clock: Clock) -> None:
    line = WaitingLine(draws=True)
    line.clear()
    line.update()
    assert (text(shown), line.due, line.is_shown) == (b"", NEVER, False)
    line.show("5f3a", 900)
    assert text(shown) == b"\r\x1b[Kwhale: waiting for approval 5f3a, 15:00 left; Ctrl-C gives up"
    assert (line.due, line.is_shown) == (1001.0, True)
    line.update()
    assert text(shown) == b""
    clock.now = 1008.0
    line.update()
    assert b", 14:52 left" in text(shown)
    clock.now = 5000.0
    line.update()
    assert b", 0:00 left" in text(shown)
    line.clear()
    line.clear()
    assert text(shown) == b"\r\x1b[K"
    assert (line.due, line.is_shown) == (NEVER, False)


def test_elsewhere_it_is_said_once(shown: int, clock: Clock) -> None:
    line = WaitingLine()
    line.show("5f3a", 61)
    assert text(shown) == b"whale: waiting for approval 5f3a, 1:01 left; Ctrl-C gives up\n"
    assert (line.due, line.is_shown) == (NEVER, True)
    line.update()
    line.clear()
    assert text(shown) == b""


def test_what_the_server_calls_it_moves_no_cursor(shown: int) -> None:
    WaitingLine(draws=False).show("\x1b[2J", 1)
    assert text(shown).startswith(b"whale: waiting for approval, ")
