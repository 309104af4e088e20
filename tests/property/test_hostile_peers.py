"""Whatever a peer sends, receiving raises nothing, and a violation is the last word."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.property.helpers import OFFSETS, OPENS, OUTPUT_ACKS, SIZES, STATUSES
from tests.property.test_messages import OBJECTS
from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.limits import WINDOW_PIPE
from whale.model.outcomes import OUTCOMES
from whale.wire import messages, requests
from whale.wire.client import ClientConnection, ClientState
from whale.wire.events import OutputReceived, StatusReceived, StdinReceived, Violated
from whale.wire.messages import Opened
from whale.wire.server import ServerConnection, ServerState

JSON = OBJECTS.map(lambda body: b"\x05" + json.dumps(body).encode())
BYTES = st.binary(max_size=40)
DATA = st.builds(bytes.__add__, st.sampled_from([b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\xff"]), BYTES)
FROM_CLIENT = st.one_of(
    BYTES,
    DATA,
    JSON,
    OPENS.map(requests.encode_open),
    OUTPUT_ACKS.map(messages.encode_output_ack),
    SIZES.map(messages.encode_resize),
    st.just(b"\xff\x00"),
    st.just(b"\x00input"),
)
FROM_SERVER = st.one_of(
    BYTES,
    DATA,
    JSON,
    STATUSES.map(messages.encode_status),
    st.builds(messages.InputAck, OFFSETS).map(messages.encode_input_ack),
    st.just(b"\x01out"),
    st.just(b"\x02err"),
    st.just(messages.encode_status(messages.Status(ExitStatus(0), "", 3, 0))),
)


@given(st.lists(st.tuples(FROM_CLIENT, st.integers(0, 3))))
def test_a_hostile_client(script: list[tuple[bytes, int]]) -> None:
    connection, violated, received = ServerConnection(stdin_window=64), False, 0
    for message, answer in script:
        before = connection.state
        event = connection.receive_message(message)
        assert event is None or not violated
        assert connection.state >= before
        if isinstance(event, Violated):
            violated = True
            assert isinstance(event.error, ProtocolError)
            assert event.error.code in OUTCOMES
            assert connection.state is ServerState.CLOSED
        if isinstance(event, StdinReceived):
            received += len(event.data)
            assert received <= 64
        if connection.state is ServerState.OPENING and answer:
            connection.send_opened(Opened("s", "c", "n", stdin_window=connection.stdin_window))
        elif connection.state is ServerState.OPEN and answer == 3:
            connection.send_status(ExitStatus(0))
        assert all(flow.credit <= WINDOW_PIPE and flow.acked <= flow.sent for flow in connection.output.values())


@given(st.booleans(), st.lists(FROM_SERVER))
def test_a_hostile_server(opened: bool, script: list[bytes]) -> None:
    connection, violated = ClientConnection(), False
    connection.open("web", ExecSpec(stdin=True))
    if opened:
        connection.receive_message(messages.encode_opened(messages.Opened("s", "c", "n", 100)))
    totals = {Stream.STDOUT: 0, Stream.STDERR: 0}
    for message in script:
        before = connection.state
        event = connection.receive_message(message)
        assert event is None or not violated
        assert connection.state >= before
        if isinstance(event, Violated):
            violated = True
            assert event.error.code in OUTCOMES
            assert connection.state is ClientState.CLOSED
        if isinstance(event, OutputReceived):
            totals[event.stream] += len(event.data)
        if isinstance(event, StatusReceived):
            assert before is ClientState.OPEN
            assert (event.ended.stdout, event.ended.stderr) == (totals[Stream.STDOUT], totals[Stream.STDERR])
