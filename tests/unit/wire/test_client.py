"""The client's machine: every state against every message, and what a hostile server gets."""

from collections.abc import Callable

import pytest

from whale.model.errors import ProtocolError, UsageError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.limits import MAX_CONTROL, MAX_MESSAGE, MAX_PAYLOAD, WINDOW_PIPE, WINDOW_TTY
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests
from whale.wire.client import ClientConnection, ClientState
from whale.wire.events import (
    ApprovalAwaited,
    DetachConfirmed,
    FailureReceived,
    GapReceived,
    NoticeReceived,
    OutputReceived,
    RoleChanged,
    ScreenReceived,
    SessionOpened,
    SessionResumed,
    StatusReceived,
    StdinAcked,
    Violated,
)
from whale.wire.messages import Failure, InputAck, Notice, Opened, OutputAck, Status
from whale.wire.requests import Open, Progress

SPEC = ExecSpec(command=("cat",), stdin=True)
ANSWER = Opened(session="s", container_id="c", container_name="web", stdin_window=100)
OPENED = messages.encode_opened(ANSWER)
STDOUT = b"\x01out"
STDERR = b"\x02err"
ENDED = Status(ExitStatus(0), "", 0, 0)
STATUS = messages.encode_status(ENDED)
INPUT_ACK = messages.encode_input_ack(InputAck(0))
FAILURE = Failure("target.gone", "gone", "")
ERROR = messages.encode_failure(FAILURE)
A_NOTICE = Notice("slow", "wait")
NOTICE = messages.encode_notice(A_NOTICE)


def in_state(state: ClientState, *, spec: ExecSpec = SPEC) -> ClientConnection:
    """Bring a connection into a state by its public methods."""
    connection = ClientConnection()
    if state >= ClientState.OPENING:
        connection.open("web", spec)
    if state >= ClientState.OPEN:
        connection.receive_message(OPENED)
    if state == ClientState.ENDED:
        connection.receive_message(STATUS)
    if state == ClientState.CLOSED:
        connection.receive_message(ERROR)
    assert connection.state is state
    return connection


def violation(connection: ClientConnection, message: bytes) -> ProtocolError:
    event = connection.receive_message(message)
    assert isinstance(event, Violated)
    assert connection.state is ClientState.CLOSED
    return event.error


OUT_OF_PLACE = "protocol.violation"
ALWAYS_WRONG_BUT = dict.fromkeys(ClientState, OUT_OF_PLACE) | {ClientState.CLOSED: None}

TABLE: dict[bytes, dict[ClientState, object]] = {
    OPENED: {ClientState.OPENING: SessionOpened(ANSWER)},
    STDOUT: {ClientState.OPEN: OutputReceived(Stream.STDOUT, b"out")},
    STDERR: {ClientState.OPEN: OutputReceived(Stream.STDERR, b"err")},
    STATUS: {ClientState.OPEN: StatusReceived(ENDED)},
    INPUT_ACK: {ClientState.OPEN: StdinAcked(0)},
    ERROR: dict.fromkeys(ClientState, FailureReceived(FAILURE)) | {ClientState.ENDED: None, ClientState.CLOSED: None},
    NOTICE: dict.fromkeys(ClientState, NoticeReceived(A_NOTICE)) | {ClientState.ENDED: None, ClientState.CLOSED: None},
}


@pytest.mark.parametrize("state", ClientState)
@pytest.mark.parametrize("message", TABLE)
def test_every_message_in_every_state(state: ClientState, message: bytes) -> None:
    expected = (ALWAYS_WRONG_BUT | TABLE[message])[state]
    connection = in_state(state)
    event = connection.receive_message(message)
    if expected == OUT_OF_PLACE:
        assert isinstance(event, Violated)
        assert event.error.code == OUT_OF_PLACE
        assert connection.state is ClientState.CLOSED
    else:
        assert event == expected


@pytest.mark.parametrize("state", [ClientState.IDLE, ClientState.OPENING, ClientState.OPEN])
@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "protocol.violation"),
        (b"\x00not yours", "protocol.unknown_channel"),
        (b'\x04{"cols":1,"rows":1}', "protocol.unknown_channel"),
        (b"\xff\x01", "protocol.unknown_channel"),
        (b"\x07", "protocol.unknown_channel"),
        (b"\x05", "protocol.violation"),
        (b"\x05{}", "protocol.violation"),
        (b'\x05{"type":"open"}', "protocol.violation"),
        (b"\x05{" + b" " * MAX_CONTROL, "protocol.too_big"),
        (b"\x01" * (MAX_MESSAGE + 1), "protocol.too_big"),
    ],
)
def test_what_no_state_allows(state: ClientState, message: bytes, code: str) -> None:
    connection = in_state(state)
    assert violation(connection, message).code == code
    assert connection.receive_message(OPENED) is None


@pytest.mark.parametrize(
    "message", [b"", b"\x01", b"\x02late", b"\x03{}", b"\x05{}", b"\x06", OPENED, INPUT_ACK, STATUS]
)
def test_nothing_of_the_session_comes_after_the_status(message: bytes) -> None:
    assert violation(in_state(ClientState.ENDED), message).code == "protocol.violation"


def test_open_says_what_is_wanted_and_grants_a_window() -> None:
    connection = ClientConnection()
    message = connection.open("web", SPEC)
    assert messages.decode_client_control(message[1:]) == Open("web", SPEC, WINDOW_PIPE, WINDOW_PIPE)
    tty = SPEC._replace(tty=True, size=TerminalSize(cols=80, rows=24))
    message = ClientConnection().open("web", tty)
    assert messages.decode_client_control(message[1:]) == Open("web", tty, WINDOW_TTY, WINDOW_TTY)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC._replace(command=("echo", "\udcff")),
        SPEC._replace(env=(("A", "\ud800"),)),
        SPEC._replace(command=("echo", "x" * MAX_CONTROL)),
        SPEC._replace(env=tuple((f"V{n}", "x" * 1000) for n in range(70))),
    ],
)
def test_what_no_server_takes_is_not_sent(spec: ExecSpec) -> None:
    connection = ClientConnection()
    with pytest.raises(UsageError):
        connection.open("web", spec)
    assert connection.state is ClientState.IDLE
    connection.open("web", SPEC)


def test_the_longest_open_is_one_that_a_server_takes() -> None:
    overhead = len(ClientConnection().open("web", SPEC._replace(command=("",)))) - 1
    message = ClientConnection().open("web", SPEC._replace(command=("x" * (MAX_CONTROL - overhead),)))
    assert len(message) - 1 == MAX_CONTROL
    messages.decode_client_control(message[1:])
    with pytest.raises(UsageError, match="longer than"):
        ClientConnection().open("web", SPEC._replace(command=("x" * (MAX_CONTROL - overhead + 1),)))


def test_input_needs_credit() -> None:
    connection = in_state(ClientState.OPENING)
    assert connection.stdin.credit == 0
    connection.receive_message(OPENED)
    assert connection.stdin.credit == 100
    assert connection.send_stdin(b"x" * 100) == b"\x00" + b"x" * 100
    with pytest.raises(ValueError, match="more bytes"):
        connection.send_stdin(b"x")
    assert connection.receive_message(messages.encode_input_ack(InputAck(40))) == StdinAcked(40)
    assert connection.stdin.credit == 40


def test_input_may_be_sent_apart_from_what_stands_before_it() -> None:
    connection = in_state(ClientState.OPEN)
    credit = connection.stdin.credit
    assert connection.begin_stdin(b"12345") == b"\x00"
    assert connection.stdin.credit == credit - 5


@pytest.mark.parametrize("offset", [6, 2**62])
def test_an_ack_of_input_that_was_not_sent_is_a_violation(offset: int) -> None:
    connection = in_state(ClientState.OPEN)
    connection.send_stdin(b"12345")
    assert violation(connection, messages.encode_input_ack(InputAck(offset))).code == "protocol.flow"


def test_input_ends_once() -> None:
    connection = in_state(ClientState.OPEN)
    assert connection.end_stdin() == b"\xff\x00"
    with pytest.raises(RuntimeError, match="input"):
        connection.end_stdin()
    with pytest.raises(RuntimeError, match="input"):
        connection.send_stdin(b"x")
    assert connection.receive_message(STDOUT) == OutputReceived(Stream.STDOUT, b"out")


def test_where_no_input_was_announced_none_is_sent() -> None:
    connection = in_state(ClientState.OPEN, spec=ExecSpec(command=("ls",)))
    with pytest.raises(RuntimeError, match="input"):
        connection.send_stdin(b"x")
    with pytest.raises(RuntimeError, match="input"):
        connection.end_stdin()


def test_resize_and_signal() -> None:
    connection = in_state(ClientState.OPEN)
    assert connection.resize(TerminalSize(cols=80, rows=24)) == b'\x04{"cols":80,"rows":24}'
    assert connection.signal(Signal.TERM) == b'\x05{"type":"signal","signal":"TERM"}'


@pytest.mark.parametrize("state", [state for state in ClientState if state is not ClientState.OPEN])
def test_commands_belong_to_an_open_session(state: ClientState) -> None:
    connection = in_state(state)
    commands: list[Callable[[], bytes]] = [
        lambda: connection.send_stdin(b"x"),
        connection.end_stdin,
        lambda: connection.resize(TerminalSize(cols=1, rows=1)),
        lambda: connection.signal(Signal.INT),
    ]
    for command in commands:
        with pytest.raises(RuntimeError, match=state.name):
            command()


@pytest.mark.parametrize("state", [state for state in ClientState if state is not ClientState.IDLE])
def test_open_comes_first_and_once(state: ClientState) -> None:
    with pytest.raises(RuntimeError, match=state.name):
        in_state(state).open("web", SPEC)


def test_output_beyond_the_window_is_a_violation() -> None:
    connection = in_state(ClientState.OPEN, spec=SPEC._replace(tty=True))
    for _ in range(4):
        connection.receive_message(b"\x01" + b"x" * (WINDOW_TTY // 4))
    assert violation(connection, b"\x01x").code == "protocol.flow"


def test_empty_output_means_nothing() -> None:
    connection = in_state(ClientState.OPEN)
    assert connection.receive_message(b"\x01") is None
    assert connection.receive_message(b"\x02") is None
    assert connection.state is ClientState.OPEN


def test_written_output_is_acknowledged_by_the_quarter_both_streams_at_once() -> None:
    connection = in_state(ClientState.OPEN, spec=SPEC._replace(tty=True))
    quarter = WINDOW_TTY // 4
    connection.receive_message(b"\x01" + b"x" * quarter)
    connection.receive_message(STDERR)
    assert connection.consumed(Stream.STDERR, 3) is None
    assert connection.consumed(Stream.STDOUT, quarter - 1) is None
    ack = connection.consumed(Stream.STDOUT, 1)
    assert ack is not None
    assert messages.decode_client_control(ack[1:]) == OutputAck(quarter, 3, status=False)
    assert connection.consumed(Stream.STDOUT, 0) is None


def test_output_written_after_the_status_waits_for_the_final_ack() -> None:
    connection = in_state(ClientState.OPEN, spec=SPEC._replace(tty=True))
    for _ in range(4):
        connection.receive_message(b"\x01" + b"x" * (WINDOW_TTY // 4))
    ended = Status(ExitStatus(3), "", stdout=WINDOW_TTY, stderr=0)
    assert connection.receive_message(messages.encode_status(ended)) == StatusReceived(ended)
    with pytest.raises(RuntimeError, match="not consumed"):
        connection.acknowledge_status()
    assert connection.consumed(Stream.STDOUT, WINDOW_TTY) is None
    ack = connection.acknowledge_status()
    assert messages.decode_client_control(ack[1:]) == OutputAck(WINDOW_TTY, 0, status=True)


@pytest.mark.parametrize(("stdout", "stderr"), [(0, 0), (2, 0), (4, 0), (3, 1), (0, 3)])
def test_totals_that_differ_are_a_violation(stdout: int, stderr: int) -> None:
    connection = in_state(ClientState.OPEN)
    connection.receive_message(STDOUT)
    status = messages.encode_status(Status(ExitStatus(0), "", stdout=stdout, stderr=stderr))
    assert violation(connection, status).code == "protocol.flow"


@pytest.mark.parametrize("state", [state for state in ClientState if state is not ClientState.ENDED])
def test_only_a_status_is_confirmed(state: ClientState) -> None:
    with pytest.raises(RuntimeError, match=state.name):
        in_state(state).acknowledge_status()


def test_the_longest_message_passes() -> None:
    connection = in_state(ClientState.OPEN)
    event = connection.receive_message(b"\x01" * MAX_MESSAGE)
    assert event == OutputReceived(Stream.STDOUT, b"\x01" * (MAX_MESSAGE - 1))


# -- coming back ---------------------------------------------------------------------------------------------------

ATTACHMENT = "5f" * 16
KEPT = ANSWER._replace(keep=300)


def kept(*, spec: ExecSpec = SPEC) -> ClientConnection:
    """A connection with a session that the server keeps."""
    connection = ClientConnection()
    connection.open("web", spec, attachment=ATTACHMENT)
    connection.receive_message(messages.encode_opened(KEPT))
    return connection


def resumed(connection: ClientConnection, answer: Opened) -> SessionResumed:
    event = connection.receive_message(messages.encode_opened(answer))
    assert isinstance(event, SessionResumed), event
    assert connection.state is ClientState.OPEN
    return event


def test_it_says_how_far_it_is() -> None:
    connection = kept()
    connection.receive_message(STDOUT)
    connection.receive_message(STDERR)
    connection.consumed(Stream.STDOUT, 2)
    size = TerminalSize(cols=80, rows=24)
    attach = requests.Attach(ATTACHMENT, Progress(3, 2), Progress(3, 0), WINDOW_PIPE, WINDOW_PIPE, size)
    assert messages.decode_client_control(connection.attach(size=size)[1:]) == attach
    wanted = connection.attach(size=size, screen=True)
    assert messages.decode_client_control(wanted[1:]) == attach._replace(screen=True)


def test_it_sends_what_the_server_does_not_have_and_nothing_else() -> None:
    connection = kept()
    for piece in (b"0123", b"4567", b"89"):
        connection.send_stdin(piece)
    connection.end_stdin()
    connection.attach()
    event = resumed(connection, KEPT._replace(stdin=Progress(6, 5)))
    assert event.resend == (b"\x006789", b"\xff\x00")
    assert connection.stdin.credit == 95
    connection.attach()
    event = resumed(connection, KEPT._replace(stdin=Progress(10, 10), stdin_ended=True))
    assert event.resend == ()


def test_long_input_is_sent_again_in_messages_of_the_usual_size() -> None:
    connection = kept()
    connection.stdin.window = 10**6
    data = bytes(range(256)) * 2000
    connection.send_stdin(data)
    connection.attach()
    event = resumed(connection, KEPT._replace(stdin_window=10**6, stdin=Progress(7, 0)))
    assert b"".join(message[1:] for message in event.resend) == data[7:]
    assert max(map(len, event.resend)) == MAX_PAYLOAD + 1


def test_output_goes_on_and_what_was_left_out_is_counted() -> None:
    connection = kept()
    connection.receive_message(STDOUT)
    connection.attach()
    assert resumed(connection, KEPT._replace(stdout=10)).missed == {Stream.STDOUT: 7, Stream.STDERR: 0}
    connection.receive_message(STDOUT)
    event = connection.receive_message(messages.encode_status(Status(ExitStatus(0), "", 13, 0)))
    assert isinstance(event, StatusReceived)


def test_what_was_consumed_meanwhile_is_said() -> None:
    connection = kept()
    connection.receive_message(STDOUT)
    connection.attach()
    connection.consumed(Stream.STDOUT, 3)
    event = resumed(connection, KEPT._replace(stdout=3))
    assert event.resend == (messages.encode_output_ack(OutputAck(3, 0, status=False)),)


def test_a_request_without_an_answer_is_the_same_request_again() -> None:
    connection = ClientConnection()
    request = connection.open("web", SPEC, attachment=ATTACHMENT)
    assert connection.can_resume
    assert connection.attach() == request
    assert isinstance(connection.receive_message(messages.encode_opened(KEPT)), SessionOpened)


FITTING = KEPT._replace(stdout=3, stdin=Progress(4, 1))


@pytest.mark.parametrize(
    "answer",
    [
        FITTING._replace(session="another"),
        FITTING._replace(stdout=2),
        FITTING._replace(stdin=Progress(5, 1)),
        FITTING._replace(stdin=Progress(4, 0)),
        FITTING,
    ],
)
def test_an_answer_that_does_not_fit_is_a_violation(answer: Opened) -> None:
    connection = kept()
    connection.receive_message(STDOUT)
    connection.send_stdin(b"0123")
    connection.receive_message(messages.encode_input_ack(InputAck(1)))
    connection.attach()
    if answer is FITTING:
        assert resumed(connection, answer).resend == ()
    else:
        assert violation(connection, messages.encode_opened(answer)).code in {"protocol.violation", "protocol.flow"}


def test_only_a_session_that_is_kept_and_not_over_can_be_resumed() -> None:
    assert not in_state(ClientState.OPEN).can_resume
    connection = ClientConnection()
    connection.open("web", SPEC, attachment=ATTACHMENT)
    before = connection.is_known
    connection.receive_message(OPENED)
    assert not connection.can_resume, "the server does not keep it"
    assert (before, connection.is_known) == (False, True)
    connection = kept()
    assert connection.can_resume
    assert connection.keep == 300
    connection.receive_message(STATUS)
    assert not connection.can_resume


JOINED = Opened("s", "c", "web", 50, keep=300, stdout=1000, stderr=7, role=Role.VIEWER, joined=True, answers=False)


def joined(role: Role = Role.VIEWER) -> ClientConnection:
    connection = ClientConnection()
    message = connection.join("build", role=role, attachment="5f" * 16, tty=True, stdin=True, size=None)
    assert messages.decode_client_control(message[1:]) == requests.Join(
        "build", role, "5f" * 16, WINDOW_TTY, WINDOW_TTY
    )
    answer = JOINED._replace(role=role)
    assert connection.receive_message(messages.encode_opened(answer)) == SessionOpened(answer)
    return connection


def test_who_joins_has_missed_nothing_of_its_own() -> None:
    connection = joined()
    assert connection.role is Role.VIEWER
    assert connection.receive_message(b"\x01hello") == OutputReceived(Stream.STDOUT, b"hello")
    connection.consumed(Stream.STDOUT, 5)
    ended = Status(ExitStatus(3), "", stdout=1005, stderr=7)
    assert isinstance(connection.receive_message(messages.encode_status(ended)), StatusReceived)
    assert messages.decode_client_control(connection.acknowledge_status()[1:]) == OutputAck(1005, 7, status=True)


def test_a_viewer_has_nothing_to_say() -> None:
    connection = joined()
    size = TerminalSize(cols=1, rows=1)
    with pytest.raises(RuntimeError):
        connection.send_stdin(b"x")
    with pytest.raises(RuntimeError):
        connection.end_stdin()
    with pytest.raises(RuntimeError):
        connection.resize(size)
    with pytest.raises(RuntimeError):
        connection.signal(Signal.INT)


def test_a_role_is_given_away_at_once_and_got_when_the_server_says_so() -> None:
    connection = joined(Role.CONTROLLER)
    message = connection.change_role(Role.VIEWER)
    assert messages.decode_client_control(message[1:]) == messages.RoleRequest(Role.VIEWER)
    assert connection.role is Role.VIEWER
    connection.change_role(Role.CONTROLLER)
    assert connection.role is Role.VIEWER
    change = messages.encode_role_change(messages.RoleChange(Role.CONTROLLER, answers=True))
    assert connection.receive_message(change) == RoleChanged(Role.CONTROLLER, answers=True)
    connection.send_stdin(b"keys")


def test_a_gap_is_counted_and_a_screen_is_not() -> None:
    connection = joined()
    assert connection.receive_message(b"\x06picture") == ScreenReceived(b"picture")
    gap = messages.encode_gap(messages.Gap(1500, 7))
    event = connection.receive_message(gap)
    assert isinstance(event, GapReceived)
    assert event.missed == {Stream.STDOUT: 500, Stream.STDERR: 0}
    assert messages.decode_client_control(event.ack[1:]) == OutputAck(1500, 7, status=False)
    assert violation(connection, messages.encode_gap(messages.Gap(1499, 7))).code == "protocol.flow"


def test_detaching_is_said_again_on_the_next_connection_behind_the_input() -> None:
    connection = joined(Role.CONTROLLER)
    connection.send_stdin(b"keys")
    assert messages.decode_client_control(connection.detach()[1:]) == messages.DetachRequest()
    assert connection.is_leaving
    with pytest.raises(RuntimeError):
        connection.send_stdin(b"more")
    assert connection.can_resume
    connection.attach()
    event = connection.receive_message(messages.encode_opened(JOINED._replace(role=Role.CONTROLLER)))
    assert isinstance(event, SessionResumed)
    assert event.resend == (b"\x00keys", messages.encode_detach())
    assert connection.receive_message(messages.encode_detached(messages.Detached(5))) == DetachConfirmed(5)
    assert connection.state is ClientState.CLOSED


def test_a_join_whose_answer_was_lost_is_sent_again() -> None:
    connection = ClientConnection()
    first = connection.join("build", role=Role.VIEWER, attachment="5f" * 16, tty=False, stdin=False, size=None)
    assert connection.attach() == first


def test_detached_without_having_asked_is_a_violation() -> None:
    assert violation(joined(), messages.encode_detached(messages.Detached(5))).code == "protocol.violation"


WAITING = messages.encode_waiting(messages.WaitingForApproval("5f3a", 900))


def test_an_approval_is_awaited_before_the_answer_and_only_there() -> None:
    connection = in_state(ClientState.OPENING)
    assert connection.receive_message(WAITING) == ApprovalAwaited("5f3a", 900)
    assert connection.can_resume is False
    assert connection.receive_message(OPENED) == SessionOpened(ANSWER)
    assert violation(connection, WAITING).code == "protocol.violation"
