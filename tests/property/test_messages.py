"""What one end encodes the other decodes, and nothing makes a decoder raise anything but `ProtocolError`."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property import helpers
from whale.model.errors import ProtocolError
from whale.model.exec import ExitStatus
from whale.wire import messages, requests
from whale.wire.messages import (
    Failure,
    Gap,
    InputAck,
    Notice,
    Opened,
    OutputAck,
    RoleChange,
    SignalRequest,
    Status,
    WaitingForApproval,
)
from whale.wire.requests import Attach, Join, Open

DECODERS: list[Callable[[bytes], Any]] = [
    messages.decode_client_control,
    messages.decode_server_control,
    messages.decode_resize,
    messages.decode_status,
]

NEWER = ["join", "gap", "role", "detach", "detached", "viewer", "waiting"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=5)
    | st.sampled_from(["open", "attach", "opened", "ack", "signal", "error", "notice", "INT", *NEWER])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
OPEN_FIELDS = ["container", "command", "tty", "stdin", "user", "env", "workdir", "privileged", "size", "window"]
OTHER_FIELDS = ["type", "session", "stdout", "stderr", "status", "signal", "code", "message", "hint", "reason"]
OTHER_FIELDS += [
    "attachment",
    "received",
    "consumed",
    "ended",
    "keep",
    "from",
    "role",
    "answers",
    "joined",
    "replay",
    "screen",
    "name",
]
NAMES = st.sampled_from([*OPEN_FIELDS, *OTHER_FIELDS, "cols", "rows"])
OBJECTS = st.dictionaries(NAMES, VALUES)


@given(helpers.OPENS)
def test_open(message: Open) -> None:
    assert messages.decode_client_control(requests.encode_open(message)[1:]) == message


@given(helpers.ATTACHES)
def test_attach(message: Attach) -> None:
    assert messages.decode_client_control(requests.encode_attach(message)[1:]) == message


@given(helpers.JOINS)
def test_join(message: Join) -> None:
    assert messages.decode_client_control(requests.encode_join(message)[1:]) == message


@given(helpers.WAITINGS)
def test_waiting(message: WaitingForApproval) -> None:
    assert messages.decode_server_control(messages.encode_waiting(message)[1:]) == message


@given(helpers.GAPS, helpers.ROLE_CHANGES)
def test_gaps_and_roles(gap: Gap, change: RoleChange) -> None:
    assert messages.decode_server_control(messages.encode_gap(gap)[1:]) == gap
    assert messages.decode_server_control(messages.encode_role_change(change)[1:]) == change


@given(helpers.OPENEDS)
def test_opened(message: Opened) -> None:
    assert messages.decode_server_control(messages.encode_opened(message)[1:]) == message


@given(helpers.OUTPUT_ACKS, helpers.INPUT_ACKS)
def test_acks(output: OutputAck, stdin: InputAck) -> None:
    assert messages.decode_client_control(messages.encode_output_ack(output)[1:]) == output
    assert messages.decode_server_control(messages.encode_input_ack(stdin)[1:]) == stdin


@given(helpers.SIGNALS)
def test_signals(message: SignalRequest) -> None:
    assert messages.decode_client_control(messages.encode_signal(message.signal)[1:]) == message


@given(helpers.FAILURES, helpers.NOTICES)
def test_errors_and_notices(failure: Failure, notice: Notice) -> None:
    assert messages.decode_server_control(messages.encode_failure(failure)[1:]) == failure
    assert messages.decode_server_control(messages.encode_notice(notice)[1:]) == notice


@given(helpers.STATUSES)
def test_statuses(message: Status) -> None:
    assert messages.decode_status(messages.encode_status(message)[1:]) == message


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_texts_of_other_programs_always_arrive(text: str, hint: str) -> None:
    assert isinstance(messages.decode_server_control(messages.encode_failure(Failure("c", text, hint))[1:]), Failure)
    assert isinstance(messages.decode_server_control(messages.encode_notice(Notice("c", text))[1:]), Notice)
    messages.decode_status(messages.encode_status(Status(ExitStatus(None, "c"), text, 0, 0))[1:])


@pytest.mark.parametrize("decode", DECODERS)
@given(payload=st.binary(max_size=200) | OBJECTS.map(lambda body: json.dumps(body).encode()))
def test_a_decoder_raises_one_error_only(decode: Callable[[bytes], Any], payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(payload)
