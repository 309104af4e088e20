"""What is shown while the connection is gone, and that it goes away again."""

import os

import pytest

from whale.client import say as say_module
from whale.client import status_line
from whale.client.status_line import StatusLine


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


def test_nobody_looking_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(status_line, "STDERR", writer)
    line = StatusLine(raw=True, term="xterm")
    line.show("gone")
    line.clear()
    os.close(writer)
