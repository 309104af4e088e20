"""The first message of a client; what else is in `open` and `attach` is tested with the other messages."""

import json
from typing import Any

import pytest

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests
from whale.wire.requests import Attach, Join, Open, Progress

KEY = "5f" * 16
SIZE = TerminalSize(cols=80, rows=24)
JOIN = {"type": "join", "session": "build", "attachment": KEY, "window": {"stdout": 1, "stderr": 2}}
ATTACH = {"type": "attach", "attachment": KEY, "window": {"stdout": 1, "stderr": 2}}


def decoded(body: dict[str, Any]) -> object:
    return messages.decode_client_control(json.dumps(body).encode())


def test_a_join_comes_back() -> None:
    message = Join("build", Role.VIEWER, KEY, 3, 4, SIZE)
    assert messages.decode_client_control(requests.encode_join(message)[1:]) == message
    assert decoded(JOIN) == Join("build", Role.CONTROLLER, KEY, 1, 2)


def test_an_open_with_a_name_comes_back() -> None:
    message = Open("web", ExecSpec(), 3, 4, attachment=KEY, name="build-1.x_y")
    assert messages.decode_client_control(requests.encode_open(message)[1:]) == message
    assert b"name" not in requests.encode_open(message._replace(name=""))


def test_an_attach_comes_back() -> None:
    message = Attach(KEY, Progress(5, 3), Progress(2, 2), 3, 4, SIZE, screen=True)
    assert messages.decode_client_control(requests.encode_attach(message)[1:]) == message
    message = message._replace(screen=False)
    assert messages.decode_client_control(requests.encode_attach(message)[1:]) == message
    assert b"screen" not in requests.encode_attach(message)


def test_whether_a_screen_is_wanted_is_true_or_false() -> None:
    body = json.loads(requests.encode_attach(Attach(KEY, Progress(), Progress(), 3, 4))[1:])
    assert decoded(body | {"screen": True}) == Attach(KEY, Progress(), Progress(), 3, 4, screen=True)
    with pytest.raises(ProtocolError):
        decoded(body | {"screen": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"session": ""},
        {"session": "a b"},
        {"session": "../x"},
        {"session": "x" * 65},
        {"session": 7},
        {"role": "king"},
        {"attachment": ""},
        {"attachment": "5F" * 16},
        {"window": {}},
        {"size": {"cols": 0, "rows": 1}},
    ],
)
def test_a_malformed_join_is_a_violation(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decoded(JOIN | change)


@pytest.mark.parametrize("field", ["session", "attachment", "window"])
def test_a_join_says_what_is_required(field: str) -> None:
    with pytest.raises(ProtocolError):
        decoded({name: value for name, value in JOIN.items() if name != field})


@pytest.mark.parametrize(
    "change", [{"attachment": "x"}, {"stdout": {"received": 1, "consumed": 2}}, {"stderr": []}, {"size": 1}]
)
def test_a_malformed_attach_is_a_violation(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decoded(ATTACH | change)


@pytest.mark.parametrize("name", [" ", "a/b", "\x1b[31m", "ü", "x" * 65])
def test_a_session_has_a_printable_name(name: str) -> None:
    body = {"type": "open", "container": "web", "window": {"stdout": 1, "stderr": 2}, "name": name}
    with pytest.raises(ProtocolError, match="name"):
        decoded(body)


def test_a_reason_comes_back() -> None:
    asked = Open("web", ExecSpec(), 3, 4, reason="ticket 42")
    assert messages.decode_client_control(requests.encode_open(asked)[1:]) == asked
    joined = Join("build", Role.VIEWER, KEY, 3, 4, reason="to help")
    assert messages.decode_client_control(requests.encode_join(joined)[1:]) == joined
    assert b"reason" not in requests.encode_open(asked._replace(reason=""))


@pytest.mark.parametrize("reason", ["a\nb", "\x1b[2J", "x" * 201, 7, None])
def test_a_reason_is_one_line(reason: object) -> None:
    with pytest.raises(ProtocolError):
        decoded(JOIN | {"reason": reason})
    with pytest.raises(ProtocolError):
        decoded({"type": "open", "container": "web", "window": {"stdout": 1, "stderr": 1}, "reason": reason})
