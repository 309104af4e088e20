"""Control messages and their JSON, literally (PROTOCOL.md section 4)."""

import json
from typing import Any

import pytest

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.limits import MAX_COMMAND_ARGS, MAX_CONTROL, MAX_ENV_VARS, MAX_TEXT
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests
from whale.wire.messages import (
    Detached,
    DetachRequest,
    Failure,
    Gap,
    InputAck,
    Notice,
    Opened,
    OutputAck,
    RoleChange,
    RoleRequest,
    SignalRequest,
    Status,
)
from whale.wire.requests import Open

FULL = Open(
    container="web",
    spec=ExecSpec(
        command=("sh", "-c", "echo ü"),
        tty=True,
        stdin=True,
        user="0:0",
        env=(("A", "1"), ("B", "")),
        workdir="/srv",
        privileged=True,
        size=TerminalSize(cols=80, rows=24),
    ),
    stdout_window=10,
    stderr_window=20,
)

MINIMAL: dict[str, Any] = {"type": "open", "container": "web", "window": {"stdout": 1, "stderr": 2}}


def body_of(message: bytes, channel: int = 5) -> Any:
    assert message[0] == channel
    return json.loads(message[1:])


def payload(body: object) -> bytes:
    return json.dumps(body).encode()


def test_open_in_full() -> None:
    message = requests.encode_open(FULL)
    assert body_of(message) == {
        "type": "open",
        "container": "web",
        "command": ["sh", "-c", "echo ü"],
        "tty": True,
        "stdin": True,
        "user": "0:0",
        "env": {"A": "1", "B": ""},
        "workdir": "/srv",
        "privileged": True,
        "size": {"cols": 80, "rows": 24},
        "window": {"stdout": 10, "stderr": 20},
    }
    assert messages.decode_client_control(message[1:]) == FULL


def test_open_at_its_shortest() -> None:
    assert messages.decode_client_control(payload(MINIMAL)) == Open("web", ExecSpec(), 1, 2)
    assert "size" not in body_of(requests.encode_open(Open("web", ExecSpec(), 1, 2)))


def test_unknown_fields_are_ignored() -> None:
    assert messages.decode_client_control(payload(MINIMAL | {"new": {"deep": [1]}})) == Open("web", ExecSpec(), 1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"container": ""},
        {"container": 1},
        {"container": None},
        {"command": "ls"},
        {"command": ["a"] * (MAX_COMMAND_ARGS + 1)},
        {"tty": 1},
        {"stdin": "yes"},
        {"user": 0},
        {"user": None},
        {"env": ["A=1"]},
        {"env": {f"V{n}": "" for n in range(MAX_ENV_VARS + 1)}},
        {"workdir": ["/"]},
        {"privileged": None},
        {"size": {"cols": 0, "rows": 0}},
        {"size": [80, 24]},
        {"window": None},
        {"window": {}},
        {"window": {"stdout": 1}},
        {"window": {"stdout": -1, "stderr": 1}},
        {"window": {"stdout": 2**63, "stderr": 1}},
        {"window": {"stdout": 1.0, "stderr": 1}},
        {"type": "reopen"},
        {"type": None},
    ],
)
def test_a_malformed_open_is_a_violation(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        messages.decode_client_control(payload(MINIMAL | change))
    assert caught.value.code == "protocol.violation"


@pytest.mark.parametrize("missing", ["type", "container", "window"])
def test_a_required_field_of_open_can_not_be_left_out(missing: str) -> None:
    body = {name: value for name, value in MINIMAL.items() if name != missing}
    with pytest.raises(ProtocolError):
        messages.decode_client_control(payload(body))


def test_the_most_of_everything_passes() -> None:
    change = {"command": ["a"] * MAX_COMMAND_ARGS, "env": {f"V{n}": "" for n in range(MAX_ENV_VARS)}}
    request = messages.decode_client_control(payload(MINIMAL | change))
    assert isinstance(request, Open)
    assert (len(request.spec.command), len(request.spec.env)) == (MAX_COMMAND_ARGS, MAX_ENV_VARS)


def test_an_open_that_wants_to_resume_starts_nothing() -> None:
    """Section 12: it has no container, and so a server that does not know `resume` refuses it."""
    body = {"type": "open", "resume": {"session": "0" * 32}, "window": {"stdout": 1, "stderr": 1}}
    with pytest.raises(ProtocolError, match="container"):
        messages.decode_client_control(payload(body))


def test_opened() -> None:
    opened = Opened(session="s1", container_id="c1", container_name="web", stdin_window=7)
    message = messages.encode_opened(opened)
    assert body_of(message) == {
        "type": "opened",
        "session": "s1",
        "container": {"id": "c1", "name": "web"},
        "window": {"stdin": 7},
        "keep": 0,
        "stdin": {"received": 0, "consumed": 0, "ended": False},
        "from": {"stdout": 0, "stderr": 0},
        "role": "controller",
        "answers": True,
        "joined": False,
        "replay": 0,
        "screen": False,
    }
    assert messages.decode_server_control(message[1:]) == opened
    painted = opened._replace(screen=True)
    assert messages.decode_server_control(messages.encode_opened(painted)[1:]) == painted


def test_opened_at_its_shortest() -> None:
    body = {"type": "opened", "session": "s", "container": {"id": "c", "name": "n"}, "window": {"stdin": 7}}
    assert messages.decode_server_control(payload(body)) == Opened("s", "c", "n", 7)


@pytest.mark.parametrize("message", [Gap(3, 4), RoleChange(Role.VIEWER, answers=False), Detached(keep=60)])
def test_what_only_a_session_with_others_needs_comes_back(message: Gap | RoleChange | Detached) -> None:
    encode = {Gap: messages.encode_gap, RoleChange: messages.encode_role_change, Detached: messages.encode_detached}
    assert messages.decode_server_control(encode[type(message)](message)[1:]) == message  # type: ignore[operator]


def test_requests_of_a_client_in_a_session() -> None:
    assert messages.decode_client_control(messages.encode_role_request(Role.VIEWER)[1:]) == RoleRequest(Role.VIEWER)
    assert messages.decode_client_control(messages.encode_detach()[1:]) == DetachRequest()


@pytest.mark.parametrize("body", [{"type": "role"}, {"type": "role", "role": "king"}, {"type": "role", "role": 1}])
def test_a_role_is_one_of_two(body: dict[str, Any]) -> None:
    for decode in (messages.decode_client_control, messages.decode_server_control):
        with pytest.raises(ProtocolError):
            decode(payload(body))


def test_acks_of_both_sides() -> None:
    plain, final = OutputAck(3, 4, status=False), OutputAck(3, 4, status=True)
    assert body_of(messages.encode_output_ack(plain)) == {"type": "ack", "stdout": 3, "stderr": 4}
    assert body_of(messages.encode_output_ack(final)) == {"type": "ack", "stdout": 3, "stderr": 4, "status": True}
    for ack in (plain, final):
        assert messages.decode_client_control(messages.encode_output_ack(ack)[1:]) == ack
    message = messages.encode_input_ack(InputAck(5))
    assert body_of(message) == {"type": "ack", "stdin": 5}
    assert messages.decode_server_control(message[1:]) == InputAck(5)


@pytest.mark.parametrize(
    "body", [{}, {"stdout": 1}, {"stdout": 1, "stderr": None}, {"stdout": 1, "stderr": 1, "status": 1}]
)
def test_a_malformed_ack_is_a_violation(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        messages.decode_client_control(payload(body | {"type": "ack"}))


@pytest.mark.parametrize("signal", Signal)
def test_signals(signal: Signal) -> None:
    message = messages.encode_signal(signal)
    assert body_of(message) == {"type": "signal", "signal": signal.value}
    assert messages.decode_client_control(message[1:]) == SignalRequest(signal)


@pytest.mark.parametrize("name", ["STOP", "SIGTERM", "term", "15", "", "__class__", "name", 15, None])
def test_another_signal_is_a_violation(name: object) -> None:
    with pytest.raises(ProtocolError):
        messages.decode_client_control(payload({"type": "signal", "signal": name}))


def test_errors_and_notices() -> None:
    failure, notice = Failure("usage", "no", "do"), Notice("slow", "wait")
    assert body_of(messages.encode_failure(failure)) == {
        "type": "error",
        "code": "usage",
        "message": "no",
        "hint": "do",
    }
    assert messages.decode_server_control(messages.encode_failure(failure)[1:]) == failure
    assert body_of(messages.encode_notice(notice)) == {"type": "notice", "code": "slow", "message": "wait"}
    assert messages.decode_server_control(messages.encode_notice(notice)[1:]) == notice


def test_the_hint_of_an_error_may_be_missing() -> None:
    body = {"type": "error", "code": "usage", "message": "no"}
    assert messages.decode_server_control(payload(body)) == Failure("usage", "no", "")


@pytest.mark.parametrize("character", ["x", "\x01", "ü", "漢", "🐋", "\ud800"])
def test_a_text_from_another_program_always_fits(character: str) -> None:
    text = character * 100_000
    failure, notice = Failure("internal", text, text), Notice("n", text)
    status = Status(ExitStatus(None, "target.gone"), text, 0, 0)
    opened = Opened("s", "c", text, 1)
    for message in (
        messages.encode_failure(failure),
        messages.encode_notice(notice),
        messages.encode_status(status),
        messages.encode_opened(opened),
    ):
        assert len(message) - 1 <= MAX_CONTROL
        body_of(message, message[0])
    decoded = messages.decode_server_control(messages.encode_failure(failure)[1:])
    assert isinstance(decoded, Failure)
    assert len(decoded.message) == len(decoded.hint) == MAX_TEXT


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "open"},
        {"type": "welcome"},
        {"type": 1},
        {"type": "\ud800"},
        {"type": "opened"},
        {"type": "opened", "session": "s", "container": {"id": "c"}, "window": {"stdin": 1}},
        {"type": "opened", "session": "s", "container": {"id": "c", "name": "n"}},
        {"type": "opened", "session": "s", "container": "c", "window": {"stdin": 1}},
        {"type": "ack"},
        {"type": "ack", "stdin": "1"},
        {"type": "error", "code": "usage"},
        {"type": "error", "code": "usage", "message": "m", "hint": None},
        {"type": "notice", "code": "usage"},
    ],
)
def test_a_malformed_message_of_a_server_is_a_violation(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        messages.decode_server_control(payload(body))


@pytest.mark.parametrize("kind", ["opened", "error", "notice", "resize", "gap", "detached", "waiting", ""])
def test_a_client_can_not_speak_for_the_server(kind: str) -> None:
    with pytest.raises(ProtocolError, match="unknown control message"):
        messages.decode_client_control(payload({"type": kind}))


def test_resize() -> None:
    size = TerminalSize(cols=132, rows=43)
    message = messages.encode_resize(size)
    assert message == b'\x04{"cols":132,"rows":43}'
    assert messages.decode_resize(message[1:]) == size
    with pytest.raises(ProtocolError):
        messages.decode_resize(b'{"cols":0,"rows":43}')


@pytest.mark.parametrize("code", [0, 1, 137, 255])
def test_a_real_status(code: int) -> None:
    status = Status(ExitStatus(code), "", stdout=7, stderr=0)
    message = messages.encode_status(status)
    assert body_of(message, 3) == {"code": code, "stdout": 7, "stderr": 0}
    assert messages.decode_status(message[1:]) == status


def test_a_lost_status() -> None:
    status = Status(ExitStatus(None, "engine.unavailable"), "the engine is away", stdout=7, stderr=1)
    message = messages.encode_status(status)
    assert body_of(message, 3)["code"] is None
    assert messages.decode_status(message[1:]) == status


def test_a_real_status_has_no_reason() -> None:
    body = {"code": 0, "stdout": 0, "stderr": 0, "reason": "target.gone", "message": "gone"}
    assert messages.decode_status(payload(body)) == Status(ExitStatus(0), "", 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"stdout": 0, "stderr": 0},
        {"code": 256, "stdout": 0, "stderr": 0},
        {"code": -1, "stdout": 0, "stderr": 0},
        {"code": True, "stdout": 0, "stderr": 0},
        {"code": 0.0, "stdout": 0, "stderr": 0},
        {"code": "0", "stdout": 0, "stderr": 0},
        {"code": 0, "stderr": 0},
        {"code": 0, "stdout": 0},
        {"code": None, "stdout": 0, "stderr": 0, "reason": 1},
        {"code": None, "stdout": 0, "stderr": 0, "message": None},
    ],
)
def test_a_malformed_status_is_a_violation(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        messages.decode_status(payload(body))
