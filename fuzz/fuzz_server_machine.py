"""Fuzz the server's protocol machine: receiving raises nothing, whatever a client sends.

The input is a conversation: messages, each after its length in two bytes. After every message the server does what a
server would: it opens, consumes, prints and, for a message that ends in a zero byte, ends.
"""

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.limits import WINDOW_PIPE
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests
from whale.wire.events import StdinReceived, Violated
from whale.wire.messages import Opened
from whale.wire.server import ServerConnection, ServerState


def conversation(*parts: bytes) -> bytes:
    """Join messages, each after its length."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def split(data: bytes) -> list[bytes]:
    """Undo `conversation`, forgivingly."""
    parts = []
    while data:
        size = int.from_bytes(data[:2], "big")
        parts.append(data[2 : 2 + size])
        data = data[2 + size :]
    return parts


OPEN = requests.encode_open(requests.Open("web", ExecSpec(command=("sh",), stdin=True), 100, 100))
ACK = messages.encode_output_ack(messages.OutputAck(0, 0, status=False))

SEEDS: list[bytes] = [
    conversation(OPEN, b"\x00input", b"\xff\x00", ACK),
    conversation(OPEN, messages.encode_resize(TerminalSize(cols=80, rows=24)), messages.encode_signal(Signal.INT)),
    conversation(OPEN, b"\x00end\x00", messages.encode_output_ack(messages.OutputAck(0, 0, status=True))),
    conversation(OPEN, messages.encode_output_ack(messages.OutputAck(5, 0, status=False)), b"\x00" * 60),
    conversation(b"", b"\x01", b"\x06"),
]


def fuzz_one(data: bytes) -> None:
    """Feed one conversation."""
    connection, violated, received = ServerConnection(stdin_window=64), False, 0
    for message in split(data):
        before = connection.state
        event = connection.receive_message(message)
        assert event is None or not violated
        assert connection.state >= before
        if isinstance(event, Violated):
            violated = True
            assert isinstance(event.error, ProtocolError)
            assert connection.state is ServerState.CLOSED
        if isinstance(event, StdinReceived):
            received += len(event.data)
            connection.consumed(len(event.data) // 2)
        assert received <= 2 * 64
        _act(connection, ends=message.endswith(b"\x00"))


def _act(connection: ServerConnection, *, ends: bool) -> None:
    if connection.state is ServerState.OPENING:
        connection.send_opened(Opened("s", "c", "n", stdin_window=connection.stdin_window))
    elif connection.state is ServerState.OPEN:
        for stream in (Stream.STDOUT, Stream.STDERR):
            credit = connection.output[stream].credit
            assert 0 <= credit <= WINDOW_PIPE
            connection.send_output(stream, b"x" * min(credit, 5))
        if ends:
            connection.send_status(ExitStatus(0))
