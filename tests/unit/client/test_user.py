"""The user's side in this process: a conversation that is open, a pseudo-terminal, real signals."""

import os
import pty
import signal
import termios
from collections.abc import Iterator

import pytest

from tests.unit.client.scripted import Gone
from tests.unit.client.user_rig import Rig
from whale.client import say as say_module
from whale.client import user as user_module
from whale.client.user import Interrupted
from whale.model.errors import SessionError
from whale.model.exec import ExitStatus, Signal
from whale.model.terminal import TerminalSize
from whale.wire.events import Resized, SignalRequested, StdinReceived


@pytest.fixture
def raw() -> Iterator[Rig]:
    made = Rig(raw=True)
    yield made
    made.close()


@pytest.fixture
def piped() -> Iterator[Rig]:
    made = Rig(raw=False)
    yield made
    made.close()


def test_keys_are_sent_as_they_are_typed(raw: Rig) -> None:
    raw.accept()
    assert raw.user.wants_to_type
    raw.type(b"ls\r")
    assert raw.peer.next_event() == StdinReceived(b"ls\r")


def test_tilde_dot_ends_the_session_and_help_is_shown(raw: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(say_module, "STDERR", writer)
    raw.accept()
    raw.type(b"\r~?")
    shown = os.read(reader, 4096)
    assert b"~.   end the session, or leave it to others who are in it\r\n" in shown
    with pytest.raises(SessionError, match="you ended"):
        raw.type(b"~.")
    os.close(reader)
    os.close(writer)


def test_ctrl_c_gives_up_before_the_session_and_is_a_key_in_it(raw: Rig) -> None:
    with pytest.raises(Interrupted) as caught:
        raw.type(b"\x03")
    assert caught.value.status == 130
    raw.accept()
    raw.type(b"\x03")
    assert raw.peer.read_stdin(until=b"\x03\x03") == b"\x03\x03"


def test_a_terminal_is_listened_to_while_the_rest_of_the_output_waits(raw: Rig, piped: Rig) -> None:
    for rig in (raw, piped):
        rig.accept()
        rig.peer.send(rig.peer.wire.send_status(ExitStatus(0)))
        rig.conversation.receive()
    assert raw.user.wants_to_type, "~. still works"
    assert not piped.user.wants_to_type


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_with_a_terminal_a_signal_ends_whale(raw: Rig, number: int) -> None:
    raw.accept()
    with pytest.raises(Interrupted) as caught:
        raw.signal(number)
    assert caught.value.status == 128 + number


def test_without_one_the_first_goes_to_the_command_and_the_second_ends_whale(piped: Rig) -> None:
    piped.accept()
    piped.signal(signal.SIGTERM)
    assert piped.peer.next_event() == SignalRequested(Signal.TERM)
    with pytest.raises(Interrupted) as caught:
        piped.signal(signal.SIGINT)
    assert caught.value.status == 130


def test_when_the_command_has_ended_the_first_signal_ends_whale(piped: Rig) -> None:
    piped.accept()
    piped.peer.send(piped.peer.wire.send_status(ExitStatus(0)))
    piped.conversation.receive()
    with pytest.raises(Interrupted):
        piped.signal(signal.SIGINT)


def resized(monkeypatch: pytest.MonkeyPatch) -> TerminalSize:
    size = TerminalSize(cols=99, rows=9)
    monkeypatch.setattr(user_module, "terminal_size", lambda descriptors: size)
    return size


def test_a_new_size_is_told(raw: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    raw.accept()
    size = resized(monkeypatch)
    raw.signal(signal.SIGWINCH)
    assert raw.peer.next_event() == Resized(size)


def test_a_command_without_a_terminal_has_no_size(piped: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    piped.accept()
    resized(monkeypatch)
    piped.signal(signal.SIGWINCH)
    piped.link.close()
    with pytest.raises(Gone):
        piped.peer.next_event()
    assert not any(isinstance(event, Resized) for event in piped.peer.events)


def test_a_suspension_gives_the_terminal_back_meanwhile(raw: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    raw.accept()
    modes: list[bool] = []
    monkeypatch.setattr(user_module, "stop_process", lambda: modes.append(raw.is_raw))
    raw.signal(signal.SIGTSTP)
    assert (modes, raw.is_raw) == ([False], True)


def test_going_on_takes_the_terminal_again(raw: Rig) -> None:
    raw.accept()
    master, slave = pty.openpty()
    termios.tcsetattr(raw.slave, termios.TCSANOW, termios.tcgetattr(slave))
    os.close(master)
    os.close(slave)
    raw.signal(signal.SIGCONT)
    assert raw.is_raw


def test_without_a_terminal_there_is_none_to_take(piped: Rig) -> None:
    piped.accept()
    piped.signal(signal.SIGCONT)
    piped.signal(signal.SIGTSTP)
    assert not piped.is_raw


@pytest.mark.parametrize("way", ["key", "continued"])
def test_who_is_back_at_the_keys_does_not_wait_for_the_next_attempt(
    raw: Rig, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurries: list[str] = []
    monkeypatch.setattr(raw.conversation, "hurry", lambda: hurries.append(way))
    if way == "key":
        os.write(raw.master, b"x")
        raw.user.read_input()
    else:
        signal.raise_signal(signal.SIGCONT)
        raw.user.read_signals()
    assert hurries == [way]
