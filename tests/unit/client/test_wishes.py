"""What the user wants is told when it can be, and once; both ends of the protocol are the real ones."""

import os

import pytest

from whale.client.inlet import Inlet
from whale.client.wishes import Wishes
from whale.model.exec import ExecSpec, Signal
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire.client import ClientConnection
from whale.wire.events import DetachRequested, Resized, RoleRequested, ServerEvent, SignalRequested
from whale.wire.messages import Opened
from whale.wire.server import ServerConnection

SIZE, OTHER = TerminalSize(cols=80, rows=24), TerminalSize(cols=9, rows=9)


class Rig:
    """A session with a terminal that the server has been asked for."""

    def __init__(self) -> None:
        self.connection = ClientConnection()
        self.server = ServerConnection()
        self.told: list[ServerEvent] = []
        self.wishes = Wishes(self.connection, size=SIZE, send=self._send)
        opening = self.connection.open("web", ExecSpec(("sh",), tty=True, stdin=True), attachment="5f" * 16)
        self.server.receive_message(opening)

    def _send(self, message: bytes) -> None:
        self.told.append(self.server.receive_message(message))

    def accept(self, *, role: Role = Role.CONTROLLER) -> None:
        opened = Opened("s", "c", "n", stdin_window=self.server.stdin_window, keep=77, role=role)
        self.connection.receive_message(self.server.send_opened(opened))
        self.wishes.opened()

    def come_back(self) -> None:
        """Take up the session on a new connection."""
        self.wishes.connect()
        self.server = ServerConnection()
        self.server.receive_message(self.connection.attach(size=self.wishes.take_size()))
        self.accept()

    def set_role(self, role: Role) -> None:
        self.connection.receive_message(self.server.send_role(role, answers=True))
        self.wishes.role_changed()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def inlet(data: bytes) -> Inlet:
    reader, writer = os.pipe()
    made = Inlet(reader, escapes=None, read_ahead=True)
    if data:
        os.write(writer, data)
        made.read(0)
    os.close(reader)
    os.close(writer)
    return made


def test_signals_and_the_last_size_wait_for_the_session(rig: Rig) -> None:
    rig.wishes.signal(Signal.INT)
    rig.wishes.resize(SIZE)
    rig.wishes.resize(OTHER)
    assert rig.told == []
    rig.accept()
    assert rig.told == [SignalRequested(Signal.INT), Resized(OTHER)]
    rig.wishes.resize(OTHER)
    assert rig.told[2:] == [], "it is known"
    rig.wishes.resize(SIZE)
    rig.wishes.signal(Signal.TERM)
    assert rig.told[2:] == [Resized(SIZE), SignalRequested(Signal.TERM)]


def test_what_was_wanted_without_a_connection_is_told_on_the_next_one(rig: Rig) -> None:
    rig.accept()
    rig.wishes.disconnect()
    rig.wishes.signal(Signal.INT)
    rig.wishes.resize(OTHER)
    rig.wishes.change_role()
    assert rig.told == []
    rig.come_back()
    assert rig.told == [SignalRequested(Signal.INT)], "the size went with the request, and roles are not for later"
    rig.wishes.resize(SIZE)
    assert rig.told[1:] == [Resized(SIZE)]


def test_a_viewer_says_neither_size_nor_signal_until_it_has_the_keyboard(rig: Rig) -> None:
    rig.accept()
    rig.wishes.change_role()
    assert rig.told.pop() == RoleRequested(Role.VIEWER)
    assert rig.wishes.is_viewer
    rig.wishes.resize(OTHER)
    rig.wishes.signal(Signal.INT)
    assert rig.told == []
    rig.wishes.change_role()
    assert rig.told.pop() == RoleRequested(Role.CONTROLLER)
    rig.set_role(Role.CONTROLLER)
    assert rig.told == [Resized(OTHER)]


def test_the_size_is_told_again_with_the_keyboard(rig: Rig) -> None:
    rig.accept()
    rig.set_role(Role.VIEWER)
    rig.set_role(Role.CONTROLLER)
    assert rig.told == [Resized(SIZE)]


def test_leaving_waits_for_what_was_typed_before_and_nothing_follows(rig: Rig) -> None:
    rig.wishes.detach()
    assert rig.wishes.is_leaving
    assert rig.wishes.take_detach(None) == b"", "there is no session yet"
    rig.accept()
    assert rig.wishes.take_detach(inlet(b"typed")) == b""
    message = rig.wishes.take_detach(inlet(b""))
    assert rig.server.receive_message(message) == DetachRequested()
    assert rig.wishes.take_detach(None) == b"", "once"
    assert rig.wishes.is_leaving
    rig.wishes.signal(Signal.INT)
    rig.wishes.resize(OTHER)
    rig.wishes.opened()
    assert rig.told == []


def test_a_viewer_leaves_whatever_was_typed(rig: Rig) -> None:
    rig.accept(role=Role.VIEWER)
    rig.wishes.detach()
    assert rig.wishes.take_detach(inlet(b"typed")) != b""
