"""The short way in this process: keys and echoes pass on it, and everything else ends it untouched."""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.unit.client.scripted import DEADLINE
from tests.unit.client.user_rig import Rig
from whale.client import calm
from whale.client.calm import serve_keys
from whale.client.outlet import Outlet
from whale.model.exec import ExitStatus, Stream
from whale.model.limits import WINDOW_STDIN


class CalmRig(Rig):
    """A user at a terminal of an open session, whose output goes into a pipe."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.outlet = Outlet(self.writer)
        super().__init__(raw=True, outlets={Stream.STDOUT: self.outlet})
        self.accept()

    def serve(self) -> bool:
        assert self.conversation.calm_down()
        return serve_keys(self.conversation, self.user, self.inlet)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> None:
        self.peer.send(self.peer.wire.send_status(ExitStatus(code=3)))

    def has_signal(self) -> bool:
        return bool(select.select([self.inbox.descriptor], [], [], 0)[0])

    def close(self) -> None:
        super().close()
        self.outlet.close()
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def rig() -> Iterator[CalmRig]:
    made = CalmRig()
    yield made
    made.close()


def test_keys_and_their_echoes_pass_until_the_end(rig: CalmRig) -> None:
    keys = b"echo \xe8\xaa\x9e\r"

    def play() -> None:
        for number in range(len(keys)):
            key = keys[number : number + 1]
            rig.press(key)
            assert rig.peer.read_stdin(until=keys[: number + 1]) == keys[: number + 1]
            rig.peer.output(key)
        rig.end()

    played = threading.Thread(target=play)
    played.start()
    assert rig.serve() is True
    played.join(DEADLINE)
    assert os.read(rig.reader, 100) == keys
    assert not rig.conversation.is_calm
    assert rig.conversation.ending.is_known


def test_a_signal_is_left_for_the_loop(rig: CalmRig) -> None:
    os.kill(os.getpid(), signal.SIGWINCH)
    assert rig.serve() is False
    assert rig.has_signal()
    assert rig.conversation.is_calm


def test_silence_is_left_for_the_loop(rig: CalmRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calm, "QUIET", 0.05)
    rig.press(b"x")
    began = time.monotonic()
    assert rig.serve() is False
    assert 0.05 <= time.monotonic() - began < DEADLINE
    assert rig.peer.read_stdin(until=b"x") == b"x"


def test_who_types_on_without_an_echo_does_not_put_it_off(rig: CalmRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calm, "QUIET", 0.2)
    is_over = threading.Event()

    def type_on() -> None:
        while not is_over.wait(0.02):
            rig.press(b"x")

    typing = threading.Thread(target=type_on)
    typing.start()
    try:
        assert rig.serve() is False
    finally:
        is_over.set()
        typing.join(DEADLINE)


def test_keys_of_whales_own_end_it(rig: CalmRig) -> None:
    rig.press(b"\r~d")
    assert rig.serve() is True
    assert rig.conversation.wishes.is_leaving
    assert not rig.conversation.calm_down(), "the loop has to send it"


def test_output_that_nobody_reads_ends_it(rig: CalmRig) -> None:
    flood = b"x" * 100_000  # more than the pipe holds
    sender = threading.Thread(target=lambda: rig.peer.output(flood))
    sender.start()
    rig.serve()
    sender.join(DEADLINE)
    assert rig.conversation.display.is_blocked
    assert not rig.conversation.calm_down()


def test_input_beyond_the_credit_ends_it(rig: CalmRig) -> None:
    rig.conversation._connection.stdin.sent += WINDOW_STDIN - 2
    rig.press(b"abc")
    assert rig.serve() is True
    assert rig.inlet.is_waiting
    assert not rig.user.is_typing
    assert not rig.conversation.calm_down()


def test_a_server_that_is_gone_ends_it(rig: CalmRig) -> None:
    rig.peer.sock.close()
    assert rig.serve() is True
    assert rig.conversation.is_over


def test_the_end_of_the_terminal_ends_it(rig: CalmRig) -> None:
    def hang_up() -> None:
        os.close(rig.master)
        rig.master = os.dup(rig.reader)

    hanging = threading.Timer(0.05, hang_up)
    hanging.start()
    assert rig.serve() is True
    hanging.join(DEADLINE)
    assert rig.inlet.is_ended
