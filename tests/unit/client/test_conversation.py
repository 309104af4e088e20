import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.unit.client.scripted import DEADLINE, Gone, Peer
from whale.client import bottom_line, lookout, silence
from whale.client import conversation as conversation_module
from whale.client.bottom_line import BottomLine
from whale.client.conversation import Conversation
from whale.client.display import Display
from whale.client.inlet import Inlet
from whale.client.link import Link
from whale.client.outlet import Outlet
from whale.client.status_line import StatusLine
from whale.model.errors import ProtocolError, TransportError, WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.limits import WINDOW_PIPE
from whale.model.terminal import TerminalSize
from whale.wire.client import ClientConnection
from whale.wire.events import AttachRequested, OutputAcked, Resized, SignalRequested, StdinEnded
from whale.wire.handshake import HandshakeParser, encode_handshake, new_key
from whale.wire.messages import Opened, decode_client_control
from whale.wire.requests import Attach, Progress

SIZE = TerminalSize(cols=80, rows=24)


def linked(*, is_attached: bool = False) -> tuple[Link, Peer]:
    """A link behind its handshake, and the server at its other end."""
    ours, theirs = socket.socketpair()
    peer = Peer(theirs)
    ours.sendall(encode_handshake(host="h", path="/", key=new_key(), headers={"Sec-WebSocket-Protocol": "whale.v1"}))
    peer.shake()
    parser = HandshakeParser()
    while parser.feed(ours.recv(65536)) is None:
        pass
    return Link(ours, is_attached=is_attached), peer


class Rig:
    """A conversation whose server is driven by the test; what could fill a socket goes into the background."""

    def __init__(self, *, stdin: bool = True, reconnect: Callable[[float, Any, Any], Any] | None = None) -> None:
        self.link, self.peer = linked()
        connection = ClientConnection()
        attachment = "5f" * 16 if reconnect is not None else ""
        self.link.send(connection.open("web", ExecSpec(("cat",), stdin=stdin), attachment=attachment))
        self.peer.receive_open()
        self.said: list[str] = []
        self._thread: threading.Thread | None = None
        self.reader, self.writer = os.pipe()
        self.outlets = {Stream.STDOUT: Outlet(self.writer), Stream.STDERR: Outlet(self.writer)}
        self.conversation = Conversation(
            self.link, connection, display=Display(self.outlets), say=self.said.append, size=SIZE, reconnect=reconnect
        )

    def accept(self, *, keep: int = 0) -> None:
        window = self.peer.wire.stdin_window
        self.peer.send(self.peer.wire.send_opened(Opened("s", "c", "n", stdin_window=window, keep=keep)))
        self.conversation.receive()
        assert not self.conversation.is_opening

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Read what comes until something is true."""
        while not condition():
            if self.conversation.is_listening and select.select([self.link.descriptor], [], [], 0.05)[0]:
                self.conversation.receive()

    def read_output(self, size: int) -> bytes:
        """Play the loop and the reader of the output until that much was read."""
        received = b""
        while len(received) < size:
            if self.conversation.is_listening and select.select([self.link.descriptor], [], [], 0.01)[0]:
                self.conversation.receive()
            self.conversation.write(Stream.STDOUT)
            if select.select([self.reader], [], [], 0)[0]:
                received += os.read(self.reader, 1 << 20)
        return received

    def background(self, act: Callable[[], object]) -> None:
        def run() -> None:
            with suppress(Gone):
                act()

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join(DEADLINE)
        self.conversation._way.close()
        for outlet in self.outlets.values():
            outlet.close()
        os.close(self.reader)
        os.close(self.writer)
        self.link.close()
        self.peer.sock.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def typed(data: bytes, *, ends: bool = True) -> Inlet:
    reader, writer = os.pipe()
    os.write(writer, data)
    inlet = Inlet(reader, escapes=None, read_ahead=True)
    inlet.read(0)
    os.close(writer)
    if ends:
        inlet.read(0)
    os.close(reader)
    return inlet


def test_output_is_written_and_acknowledged_when_written(rig: Rig) -> None:
    rig.accept()
    rig.background(lambda: rig.peer.output(b"x" * (WINDOW_PIPE // 4)))
    assert len(rig.read_output(WINDOW_PIPE // 4)) == WINDOW_PIPE // 4
    assert rig.peer.next_event() == OutputAcked(WINDOW_PIPE // 4, 0, status=False)


def test_what_nobody_reads_is_not_acknowledged(rig: Rig) -> None:
    rig.accept()
    rig.background(lambda: rig.peer.output(b"x" * (WINDOW_PIPE // 2)))
    rig.read_until(lambda: not rig.is_busy)
    rig.peer.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        rig.peer.next_event()
    assert rig.outlets[Stream.STDOUT].is_blocked


def test_the_status_is_confirmed_after_the_last_byte_is_written(rig: Rig) -> None:
    rig.accept()

    def serve() -> None:
        rig.peer.output(b"x" * 150_000)
        rig.peer.send(rig.peer.wire.send_status(ExitStatus(3)))

    rig.background(serve)
    rig.read_until(lambda: rig.conversation.ending.is_known)
    assert (rig.conversation.ending.is_known, rig.conversation.is_over) == (True, False)
    rig.read_output(150_000)
    assert rig.conversation.is_over
    assert rig.conversation.finish() == 3
    assert rig.peer.next_event() == OutputAcked(150_000, 0, status=True)
    with pytest.raises(Gone):
        rig.peer.next_event()
    assert rig.peer.close_code == 1000


def test_input_goes_as_far_as_the_credit_and_its_end_behind_it(rig: Rig) -> None:
    inlet = typed(b"hello")
    assert rig.conversation.input_credit == 0
    rig.conversation.send_input(inlet)
    waiting = [inlet.is_waiting]
    rig.accept()
    rig.conversation.send_input(inlet)
    assert rig.peer.read_stdin() == b"hello"
    assert isinstance(rig.peer.events[-1], StdinEnded)
    assert [*waiting, inlet.is_waiting] == [True, False]
    rig.conversation.send_input(inlet)


def test_a_server_that_takes_nothing_stops_the_reading(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_module, "MAX_QUEUED", 1000)
    rig.accept()
    rig.link.send(b"\x05" + b"x" * 1_000_000)
    assert (rig.conversation.is_listening, rig.conversation.is_sending) == (False, True)
    assert rig.conversation.input_credit == 0


def test_signals_wait_for_the_session_and_sizes_for_a_change(rig: Rig) -> None:
    rig.conversation.wishes.signal(Signal.INT)
    rig.conversation.wishes.resize(TerminalSize(cols=1, rows=1))
    rig.accept()
    assert rig.peer.next_event() == SignalRequested(Signal.INT)
    assert rig.peer.next_event() == Resized(TerminalSize(cols=1, rows=1))
    rig.conversation.wishes.resize(TerminalSize(cols=1, rows=1))
    rig.conversation.wishes.resize(TerminalSize(cols=81, rows=24))
    assert rig.peer.next_event() == Resized(TerminalSize(cols=81, rows=24))
    rig.conversation.wishes.signal(Signal.TERM)
    assert rig.peer.next_event() == SignalRequested(Signal.TERM)


def test_pings_are_answered_and_notices_said(rig: Rig) -> None:
    rig.accept()
    rig.peer.ping(b"here?")
    rig.peer.send(rig.peer.wire.send_notice(code="x", message="soon"))
    rig.conversation.receive()
    rig.conversation.receive()
    rig.conversation.wishes.signal(Signal.HUP)
    rig.peer.next_event()
    assert rig.peer.pongs == [b"here?"]
    assert rig.said == ["soon"]


def failure(rig: Rig) -> WhaleError:
    assert rig.conversation.is_over
    with pytest.raises(WhaleError) as caught:
        rig.conversation.finish()
    return caught.value


def test_the_servers_failure_is_raised_and_outlives_the_close(rig: Rig) -> None:
    rig.accept()
    rig.peer.send(rig.peer.wire.send_failure(WhaleError("gone", code="target.gone", hint="h")))
    rig.peer.close(4410)
    rig.conversation.receive()
    error = failure(rig)
    assert (error.code, error.message, error.hint) == ("target.gone", "gone", "h")


def test_a_lost_status_is_raised_with_its_reason(rig: Rig) -> None:
    rig.accept()
    rig.peer.send(rig.peer.wire.send_status(ExitStatus(None, "engine.unavailable")))
    rig.conversation.receive()
    error = failure(rig)
    assert error.code == "engine.unavailable"
    assert "lost" in error.message


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda peer: peer.cut(), "transport.lost"),
        (lambda peer: peer.close(1001), "server.stopping"),
        (lambda peer: peer.close(4500), "transport.lost"),
    ],
)
def test_an_end_without_a_status_is_a_loss(rig: Rig, act: Callable[[Peer], None], code: str) -> None:
    rig.accept()
    act(rig.peer)
    rig.conversation.receive()
    assert rig.conversation.patience is None
    assert not rig.conversation.is_listening
    rig.conversation.wishes.signal(Signal.INT)
    assert failure(rig).code == code


@pytest.mark.parametrize(
    ("message", "close"), [(b"\x63", 4400), (b"", 4400), (b"\x01" + bytes(WINDOW_PIPE // 2), 1009)]
)
def test_a_server_that_breaks_the_rules_is_left_with_the_reason(rig: Rig, message: bytes, close: int) -> None:
    rig.accept()
    rig.background(lambda: rig.peer.send(message))
    rig.read_until(lambda: rig.conversation.ending.is_known)
    assert isinstance(failure(rig), ProtocolError)
    with pytest.raises(Gone):
        rig.peer.next_event()
    assert rig.peer.close_code == close


def test_text_is_a_violation(rig: Rig) -> None:
    rig.accept()
    rig.peer.ws.send_text(b"hello")
    rig.peer.flush()
    rig.conversation.receive()
    assert failure(rig).code == "protocol.text_frame"


def test_a_loss_after_the_status_changes_nothing(rig: Rig) -> None:
    rig.accept()
    rig.peer.send(rig.peer.wire.send_status(ExitStatus(0)))
    rig.conversation.receive()
    rig.peer.cut()
    rig.conversation.receive()
    assert rig.conversation.finish() == 0


@pytest.mark.parametrize("way", ["signal", "flush", "input", "pong"])
def test_what_the_server_said_before_it_went_is_heard_when_sending_fails(rig: Rig, way: str) -> None:
    rig.accept()
    if way == "pong":
        rig.peer.ping(b"p")
    rig.peer.send(rig.peer.wire.send_failure(WhaleError("gone", code="target.gone")))
    rig.peer.sock.close()
    if way == "signal":
        rig.conversation.wishes.signal(Signal.INT)
    elif way == "flush":
        rig.link._waiting.append((b"x", b""))
        rig.link.queued += 1
        rig.conversation.flush()
    elif way == "input":
        rig.conversation.send_input(typed(b"hello"))
    else:
        rig.conversation.receive()
    assert rig.conversation.ending.is_known
    assert failure(rig).code == "target.gone"


def test_sending_that_fails_without_a_word_is_a_loss(rig: Rig) -> None:
    rig.accept()
    rig.peer.sock.close()
    rig.conversation.wishes.signal(Signal.INT)
    assert isinstance(failure(rig), TransportError)


def test_a_piece_of_a_message_is_a_word(rig: Rig) -> None:
    rig.accept()
    before = rig.conversation.link.heard
    rig.peer.sock.sendall(b"\x82\x7e\xff\xff\x01only the beginning of something long")
    rig.conversation.receive()
    assert rig.conversation.link.heard > before


def test_silence_is_a_loss_after_a_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.accept()
    rig.conversation.notice_silence()
    patience = rig.conversation.patience
    assert not rig.conversation.ending.is_known
    assert patience is not None
    assert patience > DEADLINE
    monkeypatch.setattr(conversation_module, "PEER_TIMEOUT", 0.0)
    rig.conversation.notice_silence()
    error = failure(rig)
    assert error.code == "transport.lost"
    assert "said nothing" in error.message


# -- connections that break ----------------------------------------------------------------------------------------


class Search:
    """Stands for the search for a new connection; the test says what it finds."""

    descriptor = -1

    def __init__(self) -> None:
        self.found: Link | WhaleError | None = None
        self.seconds: list[float] = []
        self.attach = b""
        self.hurries = 0

    @property
    def asked(self) -> bytes:
        return self.attach

    def ask(self, attach: bytes) -> None:
        self.attach = attach

    def hurry(self) -> None:
        self.hurries += 1

    def __call__(self, seconds: float, attach: bytes | None, known: object) -> "Search":
        self.seconds.append(seconds)
        self.attach = attach or b""
        return self

    def is_done(self) -> bool:
        return self.found is not None

    def result(self) -> Link | WhaleError:
        assert self.found is not None
        return self.found


@pytest.fixture
def search() -> Search:
    return Search()


@pytest.fixture
def lasting(search: Search) -> Iterator[Rig]:
    """A rig whose session is kept."""
    made = Rig(reconnect=search)
    made.accept(keep=77)
    yield made
    made.close()


def cut(rig: Rig) -> None:
    rig.peer.sock.close()
    rig.read_until(lambda: rig.conversation.reconnect is not None)


def found(rig: Rig, search: Search) -> Attach:
    """Give the conversation a new connection; return what it asks for there."""
    link, rig.peer = linked()
    search.found = link
    rig.conversation.reconnected()
    event = rig.peer.next_event()
    assert isinstance(event, AttachRequested), event
    rig.link = link
    return event.request


def resume(rig: Rig, **answer: Any) -> None:
    window = rig.peer.wire.stdin_window
    rig.peer.send(rig.peer.wire.send_opened(Opened("s", "c", "n", stdin_window=window, keep=77, **answer)))
    rig.conversation.receive()


def test_a_connection_that_breaks_is_looked_for_as_long_as_the_server_waits(lasting: Rig, search: Search) -> None:
    cut(lasting)
    assert search.seconds == [77]
    assert not lasting.conversation.ending.is_known
    assert not lasting.conversation.is_listening
    assert lasting.conversation.patience is None
    assert lasting.conversation.input_credit == 0


def test_it_goes_on_with_what_was_said_meanwhile(lasting: Rig, search: Search) -> None:
    conversation = lasting.conversation
    conversation.send_input(typed(b"hello", ends=False))
    cut(lasting)
    conversation.wishes.signal(Signal.INT)
    conversation.wishes.resize(TerminalSize(cols=9, rows=9))
    request = found(lasting, search)
    assert request.size == TerminalSize(cols=9, rows=9)
    conversation.wishes.signal(Signal.TERM)
    resume(lasting, stdin=Progress(2, 2))
    assert lasting.peer.read_stdin(until=b"llo") == b"llo"
    signals = [lasting.peer.next_event(), lasting.peer.next_event()]
    assert signals == [SignalRequested(Signal.INT), SignalRequested(Signal.TERM)]


def test_the_search_hurries_for_the_user(lasting: Rig, search: Search) -> None:
    lasting.conversation.hurry()
    assert search.hurries == 0, "there is a connection"
    cut(lasting)
    lasting.conversation.hurry()
    assert search.hurries == 1


def test_what_was_asked_for_in_the_handshake_is_not_asked_for_again(lasting: Rig, search: Search) -> None:
    cut(lasting)
    lasting.conversation.wishes.resize(TerminalSize(cols=9, rows=9))
    link, lasting.peer = linked(is_attached=True)
    lasting.peer.wire.receive_message(search.attach)
    search.found = lasting.link = link
    lasting.conversation.reconnected()
    resume(lasting)
    assert lasting.peer.next_event() == Resized(TerminalSize(cols=9, rows=9)), "and not a second `attach`"


def test_a_server_that_did_not_take_the_handshakes_attach_is_asked(lasting: Rig, search: Search) -> None:
    inlet = typed(b"hello", ends=False)
    lasting.conversation.send_input(inlet)
    cut(lasting)
    assert search.attach
    assert found(lasting, search).attachment == "5f" * 16
    resume(lasting, stdin=Progress(0, 0))
    assert lasting.peer.read_stdin(until=b"hello") == b"hello"


class Beside(Search):
    """Stands for the search beside a connection."""

    is_connected = True
    is_discarded = False

    def is_done(self) -> bool:
        return self.found is not None

    def go(self, attach: bytes) -> None:
        self.attach = attach

    def discard(self) -> None:
        self.is_discarded = True


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Rig, Any]]:
    """A rig that looks for another connection as soon as it looks around."""
    for name in ("QUIET", "ANSWER_TIMEOUT"):
        monkeypatch.setattr(silence, name, 0.0)
    for name in ("CALM", "GRACE"):
        monkeypatch.setattr(lookout, name, 0.0)
    monkeypatch.setattr(Link, "acknowledged_ago", lambda _: None)
    search = Beside()
    rig = Rig(reconnect=search)
    rig.accept(keep=77)
    yield rig, search
    rig.conversation._way.close()
    rig.close()


def beside(rig: Rig) -> None:
    """Type, and look around until another connection is there."""
    rig.conversation.send_input(typed(b"hello", ends=False))
    assert rig.conversation.patience is not None
    for _ in range(2):
        rig.conversation.notice_silence()
    assert rig.conversation.reconnect is None


def test_it_goes_on_beside_a_connection_that_went_silent(watchful: tuple[Rig, Any]) -> None:
    rig, search = watchful
    beside(rig)
    assert search.seconds == [77]
    rig.conversation.look_around()
    assert rig.conversation.reconnect == search
    assert rig.conversation.watched == ()
    assert search.seconds == [77], "no second search"
    rig.peer.sock.close()
    link, rig.peer = linked(is_attached=True)
    assert isinstance(rig.peer.wire.receive_message(search.attach), AttachRequested)
    search.found = rig.link = link
    rig.conversation.reconnected()
    resume(rig, stdin=Progress(1, 1))
    assert rig.peer.read_stdin(until=b"ello") == b"ello"


def test_its_last_words_show_that_it_lives(watchful: tuple[Rig, Any]) -> None:
    rig, search = watchful
    beside(rig)
    rig.conversation.hurry()
    assert search.hurries == 1
    rig.peer.ping(b"here")
    rig.conversation.look_around()
    assert rig.conversation.reconnect is None
    assert search.is_discarded
    rig.conversation.wishes.signal(Signal.INT)
    assert rig.peer.read_stdin(until=b"hello") == b"hello"


def test_a_connection_that_breaks_meanwhile_takes_the_search_over(watchful: tuple[Rig, Any]) -> None:
    rig, search = watchful
    beside(rig)
    cut(rig)
    assert rig.conversation.reconnect == search
    assert search.attach
    rig.conversation.look_around()
    rig.conversation.reconnected()
    assert rig.conversation.reconnect == search, "it has only a connection yet"


def test_a_ping_that_can_not_be_sent_is_a_loss(watchful: tuple[Rig, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rig, search = watchful

    def fail(_: Link) -> None:
        raise TransportError("broken")

    monkeypatch.setattr(Link, "send_ping", fail)
    rig.conversation.send_input(typed(b"hello", ends=False))
    rig.conversation.look_around()
    assert rig.conversation.reconnect == search


# -- a line on the screen meanwhile --------------------------------------------------------------------------------


def drawable(rig: Rig) -> None:
    """Let the line be drawn on the output, as soon as there is no connection."""
    line = BottomLine(rig.outlets[Stream.STDOUT], size=lambda: SIZE)
    rig.conversation.display.line = line
    rig.conversation._way._status = StatusLine(raw=True, term="", line=line)
    line.is_allowed = True


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottom_line, "PATIENCE", 0.0)


def requested(search: Search) -> Attach:
    request = decode_client_control(search.attach[1:])
    assert isinstance(request, Attach)
    return request


@pytest.mark.usefixtures("at_once")
def test_the_picture_is_asked_for_when_the_line_was_drawn(lasting: Rig, search: Search) -> None:
    drawable(lasting)
    cut(lasting)
    assert not requested(search).screen
    assert lasting.conversation.patience == 0.0
    lasting.conversation.notice_silence()
    assert requested(search).screen, "also by handshakes that are to come"
    assert b"whale: the connection broke" in os.read(lasting.reader, 4096)
    patience = lasting.conversation.patience
    assert patience is not None
    assert 0.0 < patience <= 1.0
    link, lasting.peer = linked(is_attached=True)
    lasting.peer.wire.receive_message(search.attach)
    search.found = lasting.link = link
    lasting.conversation.reconnected()
    resume(lasting, screen=True)
    assert b"\x1b[2K" in os.read(lasting.reader, 4096)
    cut(lasting)
    assert requested(search).screen, "it had not come"
    found(lasting, search)
    resume(lasting, screen=True)
    lasting.peer.send(lasting.peer.wire.send_screen(b"picture"))
    lasting.conversation.receive()
    cut(lasting)
    assert not requested(search).screen


def test_what_is_over_soon_asks_for_nothing(lasting: Rig, search: Search) -> None:
    drawable(lasting)
    cut(lasting)
    patience = lasting.conversation.patience
    assert patience is not None
    assert 0.5 < patience <= 1.0
    lasting.conversation.notice_silence()
    assert not requested(search).screen
    assert not found(lasting, search).screen


@pytest.mark.usefixtures("at_once")
def test_a_handshake_that_did_not_ask_for_the_picture_is_not_taken(lasting: Rig, search: Any) -> None:
    drawable(lasting)
    cut(lasting)
    earlier = search.attach
    lasting.conversation.notice_silence()
    search.attach = earlier  # the one that was on its way
    link, peer = linked(is_attached=True)
    search.found = link
    lasting.conversation.reconnected()
    assert lasting.conversation.reconnect == search
    assert link.descriptor == -1
    assert requested(search).screen
    peer.sock.close()


@pytest.mark.usefixtures("at_once")
def test_a_line_drawn_after_the_request_asks_again(lasting: Rig, search: Any) -> None:
    drawable(lasting)
    cut(lasting)
    assert not found(lasting, search).screen
    lasting.conversation.notice_silence()
    resume(lasting, screen=True)
    assert lasting.conversation.reconnect == search
    assert requested(search).screen


@pytest.mark.usefixtures("at_once")
def test_a_silent_connection_that_speaks_again_was_not_asked_for_the_picture(
    watchful: tuple[Rig, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, search = watchful
    monkeypatch.setattr(lookout, "PATIENT", 0.0)
    drawable(rig)
    beside(rig)
    search.is_connected = False
    rig.conversation.look_around()
    rig.conversation.notice_silence()
    assert b"whale: the server does not answer" in os.read(rig.reader, 4096)
    assert not rig.conversation._way.is_lost
    rig.peer.send(rig.peer.wire.send_output(Stream.STDOUT, b"late"))
    rig.conversation.receive()
    assert rig.conversation.reconnect == search
    request = requested(search)
    assert request.screen
    assert request.stdout.received == 0, "it is sent again"


@pytest.mark.parametrize(("has_picture", "keep"), [(False, 77), (True, 0)])
def test_without_a_picture_nothing_is_drawn(search: Search, has_picture: bool, keep: int) -> None:
    rig = Rig(reconnect=search)
    drawable(rig)
    window = rig.peer.wire.stdin_window
    rig.peer.send(rig.peer.wire.send_opened(Opened("s", "c", "n", window, keep=keep, screen=has_picture)))
    rig.conversation.receive()
    assert not rig.conversation.display.line.is_allowed
    rig.close()


def test_missed_output_is_said(lasting: Rig, search: Search) -> None:
    cut(lasting)
    found(lasting, search)
    resume(lasting, stdout=1234)
    assert lasting.said == ["1234 bytes of output were not kept meanwhile"]


def test_it_may_break_again_before_it_is_answered(lasting: Rig, search: Search) -> None:
    cut(lasting)
    found(lasting, search)
    cut(lasting)
    assert search.seconds == [77, 77]
    found(lasting, search)
    resume(lasting)
    assert lasting.conversation.reconnect is None
    assert not lasting.conversation.ending.is_known


def test_a_search_in_vain_is_the_end(lasting: Rig, search: Search, capfd: pytest.CaptureFixture[str]) -> None:
    lasting.conversation._way._status = StatusLine(raw=False, term="")
    cut(lasting)
    search.found = TransportError("the session is lost")
    lasting.conversation.reconnected()
    assert failure(lasting).message == "the session is lost"
    assert capfd.readouterr().err == "whale: the connection broke; trying to get it back\n", "and not that it is back"


def test_what_the_server_does_not_keep_ends_at_once(search: Search) -> None:
    rig = Rig(reconnect=search)
    rig.accept(keep=0)
    rig.peer.sock.close()
    rig.read_until(lambda: rig.conversation.ending.is_known)
    assert search.seconds == []
    assert failure(rig).code == "transport.lost"
    rig.close()


def test_a_request_that_was_never_answered_is_sent_again(search: Search) -> None:
    rig = Rig(reconnect=search)
    cut(rig)
    assert search.attach == b"", "only an attach goes into the handshake"
    assert rig.conversation.is_opening
    link, rig.peer = linked()
    search.found = link
    rig.conversation.reconnected()
    assert rig.peer.receive_open().container == "web"
    rig.link = link
    rig.accept(keep=77)
    rig.close()
