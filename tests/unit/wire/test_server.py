"""The server's machine: every state against every message, and what a hostile client gets."""

import json
from typing import Any

import pytest

from whale.model.errors import ProtocolError, TargetError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.limits import MAX_CONTROL, MAX_MESSAGE, MAX_WINDOW, WINDOW_STDIN
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests
from whale.wire.events import (
    AttachRequested,
    DetachRequested,
    JoinRequested,
    OpenRequested,
    OutputAcked,
    Resized,
    RoleRequested,
    SignalRequested,
    StdinEnded,
    StdinReceived,
    Violated,
)
from whale.wire.messages import Opened, OutputAck, Status
from whale.wire.requests import Open
from whale.wire.server import ServerConnection, ServerState

REQUEST = Open("web", ExecSpec(command=("cat",), stdin=True), stdout_window=100, stderr_window=50)
OPEN = requests.encode_open(REQUEST)
ACK = messages.encode_output_ack(OutputAck(0, 0, status=False))
FINAL_ACK = messages.encode_output_ack(OutputAck(0, 0, status=True))
RESIZE = messages.encode_resize(TerminalSize(cols=80, rows=24))
SIGNAL = messages.encode_signal(Signal.INT)
STDIN = b"\x00input"
HALF_CLOSE = b"\xff\x00"


def in_state(state: ServerState, *, request: Open = REQUEST, stdin_window: int = WINDOW_STDIN) -> ServerConnection:
    """Bring a connection into a state by its public methods."""
    connection = ServerConnection(stdin_window=stdin_window)
    if state >= ServerState.OPENING:
        connection.receive_message(requests.encode_open(request))
    if state >= ServerState.OPEN:
        connection.send_opened(Opened("s", "c", "web", stdin_window=connection.stdin_window))
    if state == ServerState.ENDED:
        connection.send_status(ExitStatus(0))
    if state == ServerState.CLOSED:
        connection.send_failure(TargetError("gone"))
    assert connection.state is state
    return connection


def violation(connection: ServerConnection, message: bytes) -> ProtocolError:
    event = connection.receive_message(message)
    assert isinstance(event, Violated)
    assert connection.state is ServerState.CLOSED
    return event.error


OUT_OF_PLACE = "protocol.violation"

TABLE: dict[bytes, dict[ServerState, object]] = {
    OPEN: {
        ServerState.AWAITING_OPEN: OpenRequested(REQUEST),
        ServerState.OPENING: OUT_OF_PLACE,
        ServerState.OPEN: OUT_OF_PLACE,
        ServerState.ENDED: OUT_OF_PLACE,
        ServerState.CLOSED: None,
    },
    STDIN: {ServerState.OPEN: StdinReceived(b"input"), ServerState.ENDED: None},
    HALF_CLOSE: {ServerState.OPEN: StdinEnded(), ServerState.ENDED: None},
    RESIZE: {ServerState.OPEN: Resized(TerminalSize(cols=80, rows=24)), ServerState.ENDED: None},
    SIGNAL: {ServerState.OPEN: SignalRequested(Signal.INT), ServerState.ENDED: None},
    ACK: {
        ServerState.OPEN: OutputAcked(0, 0, status=False),
        ServerState.ENDED: OutputAcked(0, 0, status=False),
    },
    FINAL_ACK: {ServerState.OPEN: OUT_OF_PLACE, ServerState.ENDED: OutputAcked(0, 0, status=True)},
}
NOT_YET: dict[ServerState, object] = {
    ServerState.AWAITING_OPEN: OUT_OF_PLACE,
    ServerState.OPENING: OUT_OF_PLACE,
    ServerState.CLOSED: None,
}


@pytest.mark.parametrize("state", ServerState)
@pytest.mark.parametrize("message", TABLE)
def test_every_message_in_every_state(state: ServerState, message: bytes) -> None:
    expected = (NOT_YET | TABLE[message])[state]
    connection = in_state(state)
    event = connection.receive_message(message)
    if expected == OUT_OF_PLACE:
        assert isinstance(event, Violated)
        assert event.error.code == OUT_OF_PLACE
        assert connection.state is ServerState.CLOSED
    else:
        assert event == expected


@pytest.mark.parametrize("state", [state for state in ServerState if state is not ServerState.CLOSED])
@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "protocol.violation"),
        (b"\x01not yours", "protocol.unknown_channel"),
        (b"\x02not yours", "protocol.unknown_channel"),
        (b'\x03{"code":0}', "protocol.unknown_channel"),
        (b"\x06", "protocol.unknown_channel"),
        (b"\xfe", "protocol.unknown_channel"),
        (b"\x05", "protocol.violation"),
        (b"\x05{}", "protocol.violation"),
        (b"\x05[1]", "protocol.violation"),
        (b"\x05{" + b" " * MAX_CONTROL, "protocol.too_big"),
        (b"\x00" * (MAX_MESSAGE + 1), "protocol.too_big"),
    ],
)
def test_what_no_state_allows(state: ServerState, message: bytes, code: str) -> None:
    connection = in_state(state)
    assert violation(connection, message).code == code
    assert connection.receive_message(OPEN) is None


@pytest.mark.parametrize("state", [ServerState.OPEN, ServerState.ENDED])
@pytest.mark.parametrize(
    "message", [b"\xff", b"\xff\x01", b"\xff\x00\x00", b"\x04", b"\x04{}", b'\x04{"cols":0,"rows":1}']
)
def test_malformed_messages_of_an_open_session(state: ServerState, message: bytes) -> None:
    assert violation(in_state(state), message).code == "protocol.violation"


def test_a_text_message_is_a_violation() -> None:
    connection = in_state(ServerState.OPEN)
    event = connection.receive_text()
    assert isinstance(event, Violated)
    assert event.error.code == "protocol.text_frame"
    assert connection.receive_text() is None


@pytest.mark.parametrize("message", [STDIN, HALF_CLOSE, b"\x00"])
def test_input_after_its_end_is_a_violation(message: bytes) -> None:
    connection = in_state(ServerState.OPEN)
    connection.receive_message(HALF_CLOSE)
    assert "after its end" in violation(connection, message).message or message == HALF_CLOSE


@pytest.mark.parametrize("message", [STDIN, HALF_CLOSE])
def test_input_that_was_not_announced_is_a_violation(message: bytes) -> None:
    connection = in_state(ServerState.OPEN, request=REQUEST._replace(spec=ExecSpec(command=("ls",))))
    assert "none was announced" in violation(connection, message).message


def test_empty_input_means_nothing() -> None:
    connection = in_state(ServerState.OPEN)
    assert connection.receive_message(b"\x00") is None
    assert connection.state is ServerState.OPEN


def test_input_beyond_the_window_is_a_violation() -> None:
    connection = in_state(ServerState.OPEN, stdin_window=8)
    assert connection.receive_message(b"\x00" + b"x" * 8) == StdinReceived(b"x" * 8)
    assert violation(connection, b"\x00x").code == "protocol.flow"


def test_input_is_acknowledged_by_the_quarter_and_gives_new_credit() -> None:
    connection = in_state(ServerState.OPEN, stdin_window=8)
    connection.receive_message(b"\x00" + b"x" * 8)
    assert connection.consumed(1) is None
    assert connection.consumed(1) == b'\x05{"type":"ack","stdin":2}'
    assert connection.receive_message(b"\x00xx") == StdinReceived(b"xx")
    assert violation(connection, b"\x00x").code == "protocol.flow"


def test_nobody_needs_to_count_what_is_too_little_to_be_acknowledged() -> None:
    connection = in_state(ServerState.OPEN, stdin_window=8)
    for is_near in (False, True):
        connection.receive_message(b"\x00x")
        assert connection.is_ack_near is is_near
    assert connection.consumed(2) is not None
    assert not connection.is_ack_near


def test_input_that_leaves_after_the_end_is_not_acknowledged() -> None:
    connection = in_state(ServerState.OPEN, stdin_window=8)
    connection.receive_message(b"\x00" + b"x" * 8)
    connection.send_status(ExitStatus(0))
    assert connection.consumed(8) is None


def test_input_that_crosses_the_status_is_counted_and_dropped() -> None:
    connection = in_state(ServerState.ENDED, stdin_window=8)
    assert connection.receive_message(b"\x00" + b"x" * 8) is None
    assert connection.receive_message(HALF_CLOSE) is None
    assert violation(connection, b"\x00x").message.startswith("input after its end")
    assert violation(in_state(ServerState.ENDED, stdin_window=8), b"\x00" + b"x" * 9).code == "protocol.flow"


def test_opened_says_what_the_client_needs() -> None:
    connection = in_state(ServerState.OPENING, stdin_window=9)
    message = connection.send_opened(Opened("s1", "c1", "web", stdin_window=connection.stdin_window))
    assert messages.decode_server_control(message[1:]) == messages.Opened("s1", "c1", "web", 9)


def test_output_keeps_within_what_the_client_takes() -> None:
    connection = in_state(ServerState.OPEN)
    assert connection.send_output(Stream.STDOUT, b"x" * 100) == b"\x01" + b"x" * 100
    assert connection.output[Stream.STDOUT].credit == 0
    with pytest.raises(ValueError, match="more bytes"):
        connection.send_output(Stream.STDOUT, b"x")
    assert connection.send_output(Stream.STDERR, b"e") == b"\x02e"
    connection.receive_message(messages.encode_output_ack(OutputAck(60, 0, status=False)))
    assert connection.output[Stream.STDOUT].credit == 60
    assert connection.output[Stream.STDERR].credit == 49


def test_the_largest_window_is_used_whole() -> None:
    connection = in_state(ServerState.OPEN, request=REQUEST._replace(stdout_window=MAX_WINDOW))
    assert connection.output[Stream.STDOUT].credit == MAX_WINDOW


@pytest.mark.parametrize("offered", [MAX_WINDOW + 1, 2**63 - 1])
def test_a_larger_window_is_a_violation(offered: int) -> None:
    request = requests.encode_open(REQUEST._replace(stdout_window=offered))
    assert violation(in_state(ServerState.AWAITING_OPEN), request).code == "protocol.violation"
    request = requests.encode_open(REQUEST._replace(stderr_window=offered))
    assert violation(in_state(ServerState.AWAITING_OPEN), request).code == "protocol.violation"


def test_a_window_of_nothing_is_never_sent_to() -> None:
    connection = in_state(ServerState.OPEN, request=REQUEST._replace(stderr_window=0))
    assert connection.output[Stream.STDERR].credit == 0
    assert connection.send_output(Stream.STDOUT, b"x")


@pytest.mark.parametrize(("stdout", "stderr"), [(6, 0), (0, 1), (2**62, 0), (5, 9)])
def test_an_ack_of_what_was_not_sent_is_a_violation(stdout: int, stderr: int) -> None:
    connection = in_state(ServerState.OPEN)
    connection.send_output(Stream.STDOUT, b"12345")
    ack = messages.encode_output_ack(OutputAck(stdout, stderr, status=False))
    assert violation(connection, ack).code == "protocol.flow"


def test_an_ack_may_not_go_back_but_may_repeat() -> None:
    connection = in_state(ServerState.OPEN)
    connection.send_output(Stream.STDOUT, b"12345")
    ack = messages.encode_output_ack(OutputAck(5, 0, status=False))
    assert connection.receive_message(ack) == connection.receive_message(ack) == OutputAcked(5, 0, status=False)
    assert violation(connection, ACK).code == "protocol.flow"


@pytest.mark.parametrize(("stdout", "stderr"), [(0, 0), (5, 0), (4, 2)])
def test_the_final_ack_needs_all_of_the_output(stdout: int, stderr: int) -> None:
    connection = in_state(ServerState.OPEN)
    connection.send_output(Stream.STDOUT, b"12345")
    connection.send_output(Stream.STDERR, b"12")
    connection.send_status(ExitStatus(0))
    ack = messages.encode_output_ack(OutputAck(stdout, stderr, status=True))
    assert violation(connection, ack).code == "protocol.flow"


def test_the_status_has_the_totals() -> None:
    connection = in_state(ServerState.OPEN)
    connection.send_output(Stream.STDOUT, b"12345")
    connection.send_output(Stream.STDERR, b"12")
    message = connection.send_status(ExitStatus(None, "target.gone"), message="it went away")
    assert message[0] == 3
    expected = Status(ExitStatus(None, "target.gone"), "it went away", stdout=5, stderr=2)
    assert messages.decode_status(message[1:]) == expected
    assert connection.state is ServerState.ENDED
    final = messages.encode_output_ack(OutputAck(5, 2, status=True))
    assert connection.receive_message(final) == OutputAcked(5, 2, status=True)


def test_a_failure_tells_the_client_nothing_of_the_inside() -> None:
    connection = in_state(ServerState.OPENING)
    message = connection.send_failure(TargetError("no such container", hint="see whale ps", detail="/run/secret.sock"))
    body: Any = json.loads(message[1:])
    assert body == {
        "type": "error",
        "code": "target.not_found",
        "message": "no such container",
        "hint": "see whale ps",
    }
    assert connection.state is ServerState.CLOSED


def test_a_notice_changes_no_state() -> None:
    connection = in_state(ServerState.OPEN)
    assert (
        connection.send_notice(code="slow", message="wait") == b'\x05{"type":"notice","code":"slow","message":"wait"}'
    )
    assert connection.state is ServerState.OPEN


@pytest.mark.parametrize("state", [state for state in ServerState if state is not ServerState.OPEN])
def test_output_and_status_belong_to_an_open_session(state: ServerState) -> None:
    connection = in_state(state)
    with pytest.raises(RuntimeError, match=state.name):
        connection.send_output(Stream.STDOUT, b"x")
    with pytest.raises(RuntimeError, match=state.name):
        connection.send_status(ExitStatus(0))


@pytest.mark.parametrize("state", [state for state in ServerState if state is not ServerState.OPENING])
def test_opened_answers_an_open(state: ServerState) -> None:
    with pytest.raises(RuntimeError, match=state.name):
        in_state(state).send_opened(Opened("s", "c", "n", stdin_window=in_state(state).stdin_window))


def test_the_longest_message_passes() -> None:
    connection = in_state(ServerState.OPEN)
    assert connection.receive_message(b"\x00" * MAX_MESSAGE) == StdinReceived(b"\x00" * (MAX_MESSAGE - 1))


# -- coming back ---------------------------------------------------------------------------------------------------

ATTACH = requests.Attach("5f" * 16, requests.Progress(30, 20), requests.Progress(0, 0), 100, 100)


def test_it_goes_on_where_the_client_is() -> None:
    connection = ServerConnection()
    event = connection.receive_message(requests.encode_attach(ATTACH))
    assert event == AttachRequested(ATTACH)
    answer = Opened("s", "c", "web", 50, keep=300, stdin=requests.Progress(12, 5), stdout=30)
    connection.send_opened(answer)
    assert connection.output[Stream.STDOUT].credit == 90, "ten bytes are not consumed"
    assert connection.output[Stream.STDERR].credit == 100
    assert isinstance(connection.receive_message(b"\x00" + bytes(43)), StdinReceived)
    event = connection.receive_message(b"\x00x")
    assert isinstance(event, Violated)
    assert event.error.code == "protocol.flow"


def test_what_is_left_out_does_not_count_as_unread() -> None:
    connection = ServerConnection()
    connection.receive_message(requests.encode_attach(ATTACH))
    connection.send_opened(Opened("s", "c", "web", 50, keep=300, stdout=1000, stdin_ended=True))
    assert connection.output[Stream.STDOUT].credit == 90
    assert isinstance(
        connection.receive_message(messages.encode_output_ack(OutputAck(1000, 0, status=False))), OutputAcked
    )
    assert isinstance(connection.receive_message(b"\x00x"), Violated), "its input had ended"


def test_coming_back_is_possible_once_first() -> None:
    connection = in_state(ServerState.OPEN)
    assert isinstance(connection.receive_message(requests.encode_attach(ATTACH)), Violated)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"attach","window":{"stdout":1,"stderr":1}}',
        b'{"type":"attach","attachment":"","window":{"stdout":1,"stderr":1}}',
        b'{"type":"attach","attachment":"5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F5F","window":{"stdout":1,"stderr":1}}',
        b'{"type":"attach","attachment":"5f5f","window":{"stdout":1,"stderr":1}}',
        b'{"type":"attach","attachment":"%s","window":{"stdout":1,"stderr":1},"stdout":{"received":1,"consumed":2}}'
        % (b"5f" * 16),
        b'{"type":"open","container":"web","attachment":"x","window":{"stdout":1,"stderr":1}}',
    ],
)
def test_a_malformed_return_is_a_violation(body: bytes) -> None:
    assert isinstance(ServerConnection().receive_message(b"\x05" + body), Violated)


JOIN = requests.Join("build", Role.VIEWER, "5f" * 16, 100, 50)


def joined(role: Role) -> ServerConnection:
    connection = ServerConnection()
    assert connection.receive_message(requests.encode_join(JOIN._replace(role=role))) == JoinRequested(
        JOIN._replace(role=role)
    )
    connection.send_opened(Opened("s", "c", "web", 50, keep=300, stdout=1000, stderr=7, role=role, joined=True))
    return connection


def test_who_joins_counts_from_where_the_session_is() -> None:
    connection = joined(Role.CONTROLLER)
    out = connection.output[Stream.STDOUT]
    assert (out.sent, out.acked, out.credit) == (1000, 1000, 100)
    assert connection.receive_message(b"\x00keys") == StdinReceived(b"keys")
    assert isinstance(connection.receive_message(requests.encode_join(JOIN)), Violated)


@pytest.mark.parametrize(
    "message", [b"\x00keys", b"\xff\x00", b'\x04{"cols":1,"rows":1}', b'\x05{"type":"signal","signal":"INT"}']
)
def test_a_viewer_only_looks(message: bytes) -> None:
    assert violation(joined(Role.VIEWER), message).code == "protocol.violation"
    assert not isinstance(joined(Role.CONTROLLER).receive_message(message), Violated)


def test_the_keyboard_is_given_away_at_once_and_got_with_an_answer() -> None:
    connection = joined(Role.CONTROLLER)
    assert connection.receive_message(messages.encode_role_request(Role.VIEWER)) == RoleRequested(Role.VIEWER)
    assert connection.receive_message(messages.encode_role_request(Role.CONTROLLER)) == RoleRequested(Role.CONTROLLER)
    message = connection.send_role(Role.CONTROLLER, answers=False)
    assert messages.decode_server_control(message[1:]) == messages.RoleChange(Role.CONTROLLER, answers=False)
    assert connection.receive_message(b"\x00keys") == StdinReceived(b"keys")
    given = joined(Role.CONTROLLER)
    given.receive_message(messages.encode_role_request(Role.VIEWER))
    assert violation(given, b"\x00keys").code == "protocol.violation"


def test_behind_a_gap_there_is_credit_when_the_client_has_heard_of_it() -> None:
    connection = joined(Role.VIEWER)
    connection.send_output(Stream.STDOUT, b"x" * 30)
    message = connection.send_gap(stdout=5000, stderr=7)
    assert messages.decode_server_control(message[1:]) == messages.Gap(5000, 7)
    out = connection.output[Stream.STDOUT]
    assert out.sent == 5000
    assert out.credit < 0
    on_its_way = messages.encode_output_ack(messages.OutputAck(1030, 7, status=False))
    assert connection.receive_message(on_its_way) == OutputAcked(1030, 7, status=False)
    heard = messages.encode_output_ack(messages.OutputAck(5000, 7, status=False))
    assert connection.receive_message(heard) == OutputAcked(5000, 7, status=False)
    assert out.credit == 100


def test_a_screen_is_not_counted() -> None:
    connection = joined(Role.VIEWER)
    assert connection.send_screen(b"picture") == b"\x06picture"
    assert connection.output[Stream.STDOUT].sent == 1000


def test_detaching_is_answered_and_is_the_end() -> None:
    connection = joined(Role.CONTROLLER)
    assert connection.receive_message(messages.encode_detach()) == DetachRequested()
    assert messages.decode_server_control(connection.send_detached(keep=9)[1:]) == messages.Detached(9)
    assert connection.receive_message(b"\x00late") is None
    assert in_state(ServerState.ENDED).receive_message(messages.encode_detach()) is None


def test_much_input_is_not_copied_out_of_its_message() -> None:
    data = bytes(range(256)) * 32
    message = b"\x00" + data
    event = in_state(ServerState.OPEN).receive_message(message)
    assert isinstance(event, StdinReceived)
    assert isinstance(event.data, memoryview)
    assert event.data.obj is message
    assert event.data == data


def test_who_waits_for_an_approval_is_told_before_the_answer() -> None:
    connection = ServerConnection()
    with pytest.raises(RuntimeError):
        connection.send_waiting(approval="5f3a", seconds=900)
    connection.receive_message(requests.encode_open(requests.Open("web", ExecSpec(), 1, 1)))
    told = messages.decode_server_control(connection.send_waiting(approval="5f3a", seconds=900)[1:])
    assert told == messages.WaitingForApproval("5f3a", 900)
    assert connection.state is ServerState.OPENING
