"""What is shown while the connection is gone, and that it goes away again."""

import os
import time

import pytest

from whale.client import say as say_module
from whale.client import status_line
from whale.client.bottom_line import NEVER, BottomLine
from whale.client.outlet import Outlet
from whale.client.status_line import StatusLine
from whale.model.terminal import TerminalSize


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> int:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    monkeypatch.setattr(say_module, "STDERR", writer)
    monkeypatch.setattr(status_line, "STDERR", writer)
    return reader


def text(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""


def test_without_a_raw_terminal_it_is_a_line(shown: int) -> None:
    line = StatusLine(raw=False, term="xterm")
    line.clear()
    assert text(shown) == b""
    line.show("gone\x1b")
    assert text(shown) == b"whale: gone\\x1b\n"
    line.clear()
    line.clear()
    assert text(shown) == b"whale: it is back\n"


def test_in_the_commands_terminal_it_is_the_title_and_nothing_on_the_screen(shown: int) -> None:
    line = StatusLine(raw=True, term="xterm-256color")
    line.show("gone")
    assert text(shown) == b"\x1b[22;0t\x1b]0;whale: gone\x07"
    line.show("still\x07 gone")
    assert text(shown) == b"\x1b]0;whale: still\\x07 gone\x07", "saved once, and nobody else's bell"
    line.clear()
    line.clear()
    assert text(shown) == b"\x1b[23;0t"


def test_the_end_restores_the_title_and_claims_nothing(shown: int) -> None:
    for raw, expected in ((True, b"\x1b[23;0t"), (False, b"")):
        line = StatusLine(raw=raw, term="xterm")
        line.restore()
        line.show("gone")
        text(shown)
        line.restore()
        line.restore()
        assert text(shown) == expected


@pytest.mark.parametrize("term", ["", "dumb", "linux"])
def test_a_terminal_without_a_title_stays_as_it_is(shown: int, term: str) -> None:
    line = StatusLine(raw=True, term=term)
    line.show("gone")
    line.clear()
    assert text(shown) == b""


def test_what_stays_is_on_the_bottom_row_too_and_is_taken_away_with_the_rest(shown: int) -> None:
    outlet = Outlet(os.open(os.devnull, os.O_WRONLY))
    bottom = BottomLine(outlet, size=lambda: TerminalSize(cols=80, rows=24))
    bottom.is_allowed = True
    line = StatusLine(raw=True, term="xterm", line=bottom)
    line.note("something was missed")
    assert bottom.due == NEVER
    line.show("gone", since=time.monotonic() - 1)
    assert bottom.update()
    assert b"gone" in text(shown)
    line.restore()
    assert (bottom.is_drawn, bottom.due) == (False, NEVER)
    line.show("gone again")
    assert not bottom.update(), "since now"
    line.clear()
    assert bottom.due == NEVER


def test_nobody_looking_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(status_line, "STDERR", writer)
    line = StatusLine(raw=True, term="xterm")
    line.show("gone")
    line.clear()
    os.close(writer)
