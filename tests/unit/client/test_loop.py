"""The loop in this process: descriptors of its own, a scripted server."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from tests.unit.client.scripted import DEADLINE, Peer, Script, scripted
from whale.client import conversation as conversation_module
from whale.client import lookout, silence
from whale.client.conversation import Conversation
from whale.client.display import Display
from whale.client.inlet import Inlet
from whale.client.link import enter, knock
from whale.client.loop import run_loop
from whale.client.outlet import Outlet
from whale.client.session import _reconnect
from whale.client.signals import SignalInbox
from whale.client.user import User
from whale.model.errors import TransportError
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import WINDOW_PIPE
from whale.wire.client import ClientConnection
from whale.wire.events import AttachRequested
from whale.wire.messages import Opened


class Ends:
    """The user's ends of standard input and output."""

    def __init__(self) -> None:
        self.stdin, self.type_into = os.pipe()
        self.read_from, self.stdout = os.pipe()
        self.received = b""

    def read_all(self) -> None:
        while data := os.read(self.read_from, 1 << 20):
            self.received += data

    def close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close(made.stdin, made.type_into, made.read_from, made.stdout)


def run(script: Script, ends: Ends, *, stdin: bool = True, resumes: bool = False) -> int:
    with scripted(script) as server, SignalInbox([signal.SIGUSR1]) as inbox:
        link = enter(knock(server.profile))
        connection = ClientConnection()
        link.send(connection.open("web", ExecSpec(("cat",), stdin=stdin), attachment="5f" * 16 if resumes else ""))
        outlets = {Stream.STDOUT: Outlet(ends.stdout), Stream.STDERR: Outlet(ends.stdout)}
        begin = partial(_reconnect, server.profile) if resumes else None
        conversation = Conversation(
            link, connection, display=Display(outlets), say=lambda text: None, size=None, reconnect=begin
        )
        inlet = Inlet(ends.stdin, escapes=None, read_ahead=False) if stdin else None
        user = User(conversation, inbox=inbox, inlet=inlet, has_tty=False, terminal=None)
        try:
            return run_loop(conversation, user)
        finally:
            conversation.close()
            for outlet in outlets.values():
                outlet.close()


def test_a_flood_both_ways_at_once(ends: Ends) -> None:
    data = random.Random(7).randbytes(5 * WINDOW_PIPE // 2)

    def script(peer: Peer) -> None:
        peer.open()
        sent = 0
        while not (peer.stdin_ended and sent == len(peer.stdin)):
            if sent == len(peer.stdin):
                peer.next_event()
            echoed = bytes(peer.stdin[sent:])
            peer.output(echoed)
            sent += len(echoed)
        peer.end(9)

    def write() -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(ends.type_into, view) :]
        os.close(ends.type_into)

    reader = threading.Thread(target=ends.read_all)
    writer = threading.Thread(target=write)
    reader.start()
    writer.start()
    assert run(script, ends) == 9
    writer.join(DEADLINE)
    os.close(ends.stdout)
    reader.join(DEADLINE)
    assert ends.received == data
    ends.type_into, ends.stdout = os.dup(ends.stdin), os.dup(ends.stdin)


def test_without_input_only_output_matters(ends: Ends) -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"x")
        peer.end(0)

    assert run(script, ends, stdin=False) == 0
    assert os.read(ends.read_from, 10) == b"x"


def test_silence_ends_the_loop(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_module, "PEER_TIMEOUT", 0.2)

    def script(peer: Peer) -> None:
        peer.open()
        peer.until_gone()

    with pytest.raises(TransportError, match="said nothing"):
        run(script, ends)


def test_a_heartbeat_is_a_word(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_module, "PEER_TIMEOUT", 2.0)

    def script(peer: Peer) -> None:
        peer.open()
        for number in range(8):
            peer.ping(b"%d" % number)
            while b"%d" % number not in peer.pongs:
                peer.sock.settimeout(DEADLINE)
                peer.receive_frames()
            threading.Event().wait(0.3)
        peer.end(0)

    assert run(script, ends) == 0


def test_who_types_into_silence_goes_on_over_another_connection(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "QUIET", 0.0)
    monkeypatch.setattr(silence, "ANSWER_TIMEOUT", 0.1)
    monkeypatch.setattr(lookout, "CALM", 0.0)
    monkeypatch.setattr(lookout, "PATIENT", 600.0)
    is_back = threading.Event()
    os.write(ends.type_into, b"key")

    def opened(peer: Peer) -> None:
        answer = Opened("s", "c", "web", stdin_window=peer.wire.stdin_window, keep=60)
        peer.send(peer.wire.send_opened(answer))

    def script(peer: Peer) -> None:
        peer.shake()
        request = peer.next_event()
        opened(peer)
        if isinstance(request, AttachRequested):
            is_back.set()
            assert peer.read_stdin(until=b"key") == b"key"
            peer.end(3)
        assert is_back.wait(DEADLINE)

    assert run(script, ends, resumes=True) == 3


def test_signals_reach_the_user(ends: Ends) -> None:
    def script(peer: Peer) -> None:
        peer.open()
        os.kill(os.getpid(), signal.SIGUSR1)
        peer.until_gone()

    with pytest.raises(KeyError):  # one that nobody listens to: it shows that the signal arrived
        run(script, ends)
