"""Fuzz the client's protocol machine: receiving raises nothing, and a status always fits the output that came.

The input is a conversation: messages, each after its length in two bytes.
"""

from fuzz.fuzz_server_machine import conversation, split
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.wire import messages
from whale.wire.client import ClientConnection, ClientState
from whale.wire.events import OutputReceived, StatusReceived, Violated

OPENED = messages.encode_opened(messages.Opened("s", "c", "web", 100))
NOTICE = messages.encode_notice(messages.Notice("slow", "wait"))
LOST = messages.Status(ExitStatus(None, "target.gone"), "gone", 3, 0)

SEEDS: list[bytes] = [
    conversation(OPENED, b"\x01out", b"\x02err", messages.encode_status(messages.Status(ExitStatus(0), "", 3, 3))),
    conversation(OPENED, b"\x01out", messages.encode_status(LOST)),
    conversation(OPENED, messages.encode_input_ack(messages.InputAck(5)), NOTICE),
    conversation(OPENED, messages.encode_status(messages.Status(ExitStatus(7), "", 0, 0)), b"\x01late"),
    conversation(messages.encode_failure(messages.Failure("target.not_found", "no", "see whale ps"))),
]


def fuzz_one(data: bytes) -> None:
    """Feed one conversation."""
    connection, violated = ClientConnection(), False
    connection.open("web", ExecSpec(stdin=True))
    totals = {Stream.STDOUT: 0, Stream.STDERR: 0}
    for message in split(data):
        before = connection.state
        event = connection.receive_message(message)
        assert event is None or not violated
        assert connection.state >= before
        if isinstance(event, Violated):
            violated = True
            assert connection.state is ClientState.CLOSED
        if isinstance(event, OutputReceived):
            totals[event.stream] += len(event.data)
            connection.consumed(event.stream, len(event.data))
        if isinstance(event, StatusReceived):
            assert (event.ended.stdout, event.ended.stderr) == tuple(totals.values())
            connection.acknowledge_status()
        if connection.state is ClientState.OPEN:
            connection.send_stdin(b"x" * min(max(connection.stdin.credit, 0), 5))
            assert 0 <= connection.stdin.acked <= connection.stdin.sent
