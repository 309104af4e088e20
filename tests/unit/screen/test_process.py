"""What the process with the emulators does with a message."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from whale.model.terminal import TerminalSize
from whale.screen import process as module
from whale.screen.library import LibraryError
from whale.screen.process import Screens, TooLong, _answer, serve
from whale.screen.protocol import (
    CLOSE,
    DONE,
    FEED,
    OPEN,
    PAINTED,
    REPAINT,
    REPLIED,
    REPLIES,
    RESIZE,
    BadMessage,
    Decoder,
    Message,
    encode,
    encode_size,
)
from whale.screen.screen import Screen, open_screen

SIZE = TerminalSize(cols=20, rows=5)
OPENED = Message(OPEN, 1, encode_size(SIZE))


def told(screens: Screens, *messages: Message) -> list[Message]:
    """What comes back for these."""
    return list(Decoder.of_process().receive(b"".join(screens.handle(message) for message in messages)))


def test_each_message_has_its_answer() -> None:
    answers = told(
        Screens(),
        OPENED,
        Message(FEED, 1, b"hello\x1b[c"),
        Message(RESIZE, 1, encode_size(SIZE)),
        Message(REPAINT, 1),
        Message(REPLIES, 1),
        Message(CLOSE, 1),
    )
    assert [answer.kind for answer in answers] == [DONE, DONE, DONE, PAINTED, REPLIED, DONE]
    assert {answer.screen for answer in answers} == {1}
    assert b"hello" in answers[3].body
    assert answers[4].body == b"\x1b[?62;22c"


def test_screens_are_apart_and_numbers_are_used_again() -> None:
    screens = Screens()
    told(screens, OPENED, OPENED._replace(screen=2), Message(FEED, 1, b"first"), Message(FEED, 2, b"second"))
    assert b"second" not in told(screens, Message(REPAINT, 1))[0].body
    told(screens, Message(CLOSE, 1), OPENED)
    assert b"first" not in told(screens, Message(REPAINT, 1))[0].body


def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    screens = Screens()
    told(screens, OPENED)
    with pytest.raises(BadMessage):
        told(screens, OPENED)
    for kind in (FEED, RESIZE, CLOSE, REPAINT, REPLIES):
        with pytest.raises(BadMessage):
            told(screens, Message(kind, 2, b"\0\1\0\1"))
    monkeypatch.setattr(module, "MAX_SCREENS", 1)
    with pytest.raises(BadMessage):
        told(screens, OPENED._replace(screen=2))


@pytest.mark.parametrize("error", [None, LibraryError("no")])
def test_a_screen_that_there_is_not_shows_nothing(error: Exception | None) -> None:
    def none(_size: TerminalSize) -> None:
        if error is not None:
            raise error

    answers = told(Screens(none), OPENED, Message(FEED, 1, b"x"), Message(REPAINT, 1), Message(REPLIES, 1))
    assert answers == [Message(DONE, 1), Message(DONE, 1), Message(PAINTED, 1), Message(REPLIED, 1)]


def test_a_picture_beyond_the_bound_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REPAINT", 10)
    assert told(Screens(), OPENED, Message(REPAINT, 1))[1].body == b""


@pytest.fixture
def timers() -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, module._interrupt), signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
    yield
    for timer in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL):
        assert signal.getitimer(timer) == (0, 0), "it goes on after the message"
    signal.signal(signal.SIGPROF, before[0])
    signal.signal(signal.SIGVTALRM, before[1])


@pytest.mark.usefixtures("timers")
def test_what_takes_too_long_loses_its_screen_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_screen: Screen) -> bytes:
        while True:
            pass

    screens = Screens()
    told(screens, OPENED, OPENED._replace(screen=2), Message(FEED, 2, b"other"))
    monkeypatch.setattr(module, "SCREEN_WORK", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(Screen, "repaint", endless)
        assert _answer(screens, Message(REPAINT, 1)) == encode(PAINTED, 1)
    assert _answer(screens, Message(FEED, 1, b"more")) == encode(DONE, 1)
    assert _answer(screens, Message(CLOSE, 1)) == encode(DONE, 1)
    assert b"other" in _answer(screens, Message(REPAINT, 2))


@pytest.mark.usefixtures("timers")
def test_so_does_what_takes_too_much_memory() -> None:
    def opened(size: TerminalSize) -> Screen:
        screen = open_screen(size)
        assert screen is not None

        def feed(_data: bytes) -> None:
            raise MemoryError

        screen.feed = feed  # type: ignore[assignment, method-assign]
        return screen

    screens = Screens(opened)
    told(screens, OPENED)
    assert _answer(screens, Message(FEED, 1, b"x")) == encode(DONE, 1)
    assert _answer(screens, Message(REPAINT, 1)) == encode(PAINTED, 1)


def test_the_signal_interrupts() -> None:
    with pytest.raises(TooLong):
        module._interrupt(0, None)


def test_serves_until_the_server_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_answer", lambda screens, message: screens.handle(message))  # timers are a process's
    ours, theirs = socket.socketpair()
    with theirs:
        thread = Thread(target=serve, args=(theirs, Screens()))
        with contextlib.closing(ours):
            thread.start()
            ours.sendall(encode(*OPENED) + encode(FEED, 1, b"x"))
            data = b""
            while len(data) < 26:
                data += ours.recv(100)
            assert list(Decoder.of_process().receive(data)) == [Message(DONE, 1)] * 2
        thread.join(10)
        assert not thread.is_alive()
