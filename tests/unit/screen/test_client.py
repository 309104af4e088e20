"""One process with emulators: what it is sent without waiting, and what it is blamed for."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.unit.keeper.conftest import is_running
from tests.unit.screen import children
from whale.model.limits import MAX_SCREEN_MESSAGES
from whale.model.terminal import TerminalSize
from whale.screen import client as module
from whale.screen.client import ProcessLost, ScreenProcess
from whale.screen.protocol import CLOSE, FEED, MAX_FEED, OPEN, REPAINT, REPLIES, encode_size
from whale.screen.start import command

SIZE = encode_size(TerminalSize(cols=80, rows=24))


@contextmanager
def running(command: Sequence[str]) -> Iterator[ScreenProcess]:
    process = ScreenProcess(command)
    try:
        yield process
    finally:
        process.end()
        assert not is_running(process.pid)


def fill(process: ScreenProcess) -> None:
    """Send more than its socket has room for."""
    for _ in range(MAX_SCREEN_MESSAGES - 2):
        process.send(FEED, 1, bytes(MAX_FEED))


@pytest.fixture
def process() -> Iterator[ScreenProcess]:
    with running(command()) as started:
        yield started


def test_screens_are_fed_and_asked(process: ScreenProcess) -> None:
    for number in (7, 2**64 - 1):
        process.send(OPEN, number, SIZE)
        process.send(FEED, number, b"number %d\x1b[5n" % number)
    assert b"number 7" in process.ask(REPAINT, 7)
    assert b"number 18446744073709551615" in process.ask(REPAINT, 2**64 - 1)
    assert process.ask(REPLIES, 7) == b"\x1b[0n"
    assert process.ask(REPLIES, 7) == b""
    assert (process.is_ready, process.reason) == (True, "")


def test_much_is_fed_and_only_so_much_is_on_the_way(process: ScreenProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SCREEN_AHEAD", 2 * MAX_FEED)
    process.wait_ready()
    process.send(OPEN, 1, SIZE)
    for number in range(100):
        process.send(FEED, 1, b"%06d " % number + b"x" * (MAX_FEED - 7))
        assert process._ahead <= 2 * MAX_FEED
    process.send(FEED, 1, b"\x1b[2J\x1b[Hall of it")
    assert b"all of it" in process.ask(REPAINT, 1)
    assert not process._owed
    assert process._ahead == 0
    for _ in range(3 * MAX_SCREEN_MESSAGES):
        process.send(FEED, 1, b"x")
        assert len(process._owed) <= MAX_SCREEN_MESSAGES


def test_it_is_blamed_on_what_it_was_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(children.ILL) as process:
        process.wait_ready()
        for number in (1, 2, 3):
            process.send(OPEN, number, SIZE)
        for number, data in ((1, b"before"), (2, b"ILL"), (3, b"behind")):
            process.send(FEED, number, data)
        with pytest.raises(ProcessLost, match="SIGILL") as lost:
            process.ask(REPAINT, 3)
        assert (lost.value.screen, lost.value.is_fault) == (2, True)


def test_nobody_is_blamed_for_one_that_was_at_nothing(process: ScreenProcess) -> None:
    process.send(OPEN, 1, SIZE)
    process.ask(REPAINT, 1)
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ProcessLost, match="SIGKILL") as lost:
        process.send(FEED, 1, b"x")
    assert lost.value.screen == 0


@pytest.mark.parametrize("command", [children.ENDING, children.SILENT, children.ANOTHER_VERSION])
def test_nor_for_one_that_does_not_start(command: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCREEN_START", 10.0 if command is not children.SILENT else 0.3)
    monkeypatch.setattr(module, "SCREEN_ANSWER", 0.1)
    with running(command) as process:
        process.send(OPEN, 1, SIZE)
        with pytest.raises(ProcessLost) as lost:
            process.ask(REPAINT, 1)
        assert lost.value.screen == 0


@pytest.mark.parametrize("word", [b"HANG", b"STOP"])
def test_one_that_hangs_is_ended_at_the_deadline(word: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCREEN_ANSWER", 0.3)
    with running(children.ILL) as process:
        process.wait_ready()
        process.send(OPEN, 1, SIZE)
        process.send(FEED, 1, word)
        began = time.monotonic()
        with pytest.raises(ProcessLost, match=r"in time \(SIGKILL\)") as lost:
            process.ask(REPAINT, 1)
        assert 0.3 <= time.monotonic() - began < 3
        assert (lost.value.screen, lost.value.is_fault) == (1, False)
        assert not is_running(process.pid)


def test_so_is_one_that_takes_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCREEN_ANSWER", 0.3)
    monkeypatch.setattr(module, "MAX_SCREEN_AHEAD", 1 << 30)
    with running(children.ILL) as process:
        process.wait_ready()
        process.send(OPEN, 1, SIZE)
        process.send(FEED, 1, b"STOP")
        with pytest.raises(ProcessLost, match="in time"):
            fill(process)


@pytest.mark.parametrize("kind", [REPAINT, REPLIES])
def test_what_it_says_is_checked(kind: int) -> None:
    with running(children.LYING) as process:
        process.wait_ready()
        process.send(OPEN, 1, SIZE)
        with pytest.raises(ProcessLost, match=r"something else|control characters") as lost:
            process.ask(kind, 1)
        assert lost.value.screen == 1


def test_what_it_says_unasked_is_not_taken() -> None:
    with running(children.child("import whale.screen.process as p; p.READY = p.DONE")) as process:
        with pytest.raises(ProcessLost, match="too long"):
            process.wait_ready()


def test_the_reason_why_there_are_no_screens_is_told() -> None:
    with running(children.WITHOUT_LIBRARY) as process:
        process.wait_ready()
        assert "pyghostty" in process.reason


def test_a_guilty_one_is_named_by_its_real_fault() -> None:
    with running(children.UNGUARDED) as process:
        process.send(OPEN, 1, SIZE)
        process.send(OPEN, 2, encode_size(TerminalSize(cols=1000, rows=100)))
        process.send(FEED, 1, b"text")
        process.send(FEED, 2, children.LINKS)
        process.send(CLOSE, 1)
        with pytest.raises(ProcessLost, match="SIG") as lost:
            process.ask(REPAINT, 2)
        assert lost.value.screen == 2
