"""Fuzz the JSON of control messages: decoding raises `ProtocolError` alone, and what was decoded can be sent again."""

import contextlib

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests

FULL = requests.Open(
    "web",
    ExecSpec(
        command=("sh", "-c", "echo ü"),
        tty=True,
        stdin=True,
        user="0:0",
        env=(("A", "1"),),
        workdir="/srv",
        privileged=True,
        size=TerminalSize(cols=80, rows=24),
    ),
    262144,
    262144,
)

SEEDS: list[bytes] = [
    requests.encode_open(FULL)[1:],
    requests.encode_attach(
        requests.Attach(
            "0" * 32, requests.Progress(5, 3), requests.Progress(), 9, 9, TerminalSize(cols=80, rows=24), screen=True
        )
    )[1:],
    messages.encode_output_ack(messages.OutputAck(3, 4, status=True))[1:],
    messages.encode_signal(Signal.TERM)[1:],
    messages.encode_resize(TerminalSize(cols=80, rows=24))[1:],
    messages.encode_opened(messages.Opened("s", "c", "web", 1048576))[1:],
    messages.encode_failure(messages.Failure("usage", "no", "do"))[1:],
    messages.encode_status(messages.Status(ExitStatus(None, "target.gone"), "gone", 1, 2))[1:],
    b'{"type":"open","container":"\\ud800","window":{"stdout":1e3,"stderr":NaN}}',
    b'{"type":"ack","stdout":99999999999999999999999999,"stderr":-0}',
    b"[" * 2000,
]


def fuzz_one(data: bytes) -> None:
    """Decode one payload as everything it could be."""
    with contextlib.suppress(ProtocolError):
        _check_client_control(data)
    with contextlib.suppress(ProtocolError):
        messages.decode_server_control(data)
    with contextlib.suppress(ProtocolError):
        size = messages.decode_resize(data)
        assert size.is_valid
        assert messages.decode_resize(messages.encode_resize(size)[1:]) == size
    with contextlib.suppress(ProtocolError):
        status = messages.decode_status(data)
        assert status.status.is_lost or status.status.reason == ""


def _check_client_control(data: bytes) -> None:
    control = messages.decode_client_control(data)
    if isinstance(control, requests.Open):
        assert control.container
        assert messages.decode_client_control(requests.encode_open(control)[1:]) == control
    elif isinstance(control, requests.Attach):
        assert messages.decode_client_control(requests.encode_attach(control)[1:]) == control
    elif isinstance(control, messages.OutputAck):
        assert messages.decode_client_control(messages.encode_output_ack(control)[1:]) == control
    elif isinstance(control, requests.Join):
        assert messages.decode_client_control(requests.encode_join(control)[1:]) == control
    elif isinstance(control, messages.RoleRequest):
        assert messages.decode_client_control(messages.encode_role_request(control.role)[1:]) == control
    elif isinstance(control, messages.SignalRequest):
        assert control.signal in Signal
