"""Two machines and a channel that is cut at any moment: every byte once and in order, and never more than the credit.

For any schedule of cuts the client's view equals that of a client that was never cut.
"""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from whale.model.errors import SessionError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.wire.client import ClientConnection, ClientState
from whale.wire.events import (
    AttachRequested,
    ClientEvent,
    DetachRequested,
    OpenRequested,
    OutputAcked,
    OutputReceived,
    ServerEvent,
    SessionOpened,
    SessionResumed,
    StatusReceived,
    StdinEnded,
    StdinReceived,
    Violated,
)
from whale.wire.flow import ReceiveFlow, SendFlow
from whale.wire.messages import Opened
from whale.wire.requests import Progress
from whale.wire.server import ServerConnection, ServerState

OUTPUTS = (Stream.STDOUT, Stream.STDERR)
WINDOWS = st.integers(min_value=1, max_value=40)
STREAMS = st.sampled_from(OUTPUTS)
PERCENT = st.integers(min_value=1, max_value=100)


def numbered(start: int, size: int) -> bytes:
    """Bytes that say where they belong."""
    return bytes((start + i) % 251 for i in range(size))


class Conversation(RuleBasedStateMachine):
    """Small windows, so that both ends are often without credit."""

    @initialize(window=WINDOWS, stdin_window=WINDOWS)
    def connect(self, window: int, stdin_window: int) -> None:
        self.window, self.stdin_window = window, stdin_window
        self.client, self.server = ClientConnection(), ServerConnection(stdin_window=stdin_window)
        self.to_server: deque[bytes] = deque()
        self.to_client: deque[bytes] = deque()
        self.got_stdin = b""
        self.got: dict[Stream, bytes] = dict.fromkeys(OUTPUTS, b"")
        self.waiting = dict.fromkeys(Stream, 0)
        """Bytes received and not consumed yet."""
        self.stdin_over = self.confirmed = self.left = False
        self.ended: StatusReceived | None = None
        self.totals: dict[Stream, int] | None = None
        """What the command wrote in all, when it has ended."""
        request = self.client.open("web", ExecSpec(stdin=True), attachment="0" * 32)
        for flow in self.client._output.values():
            flow.window = window
        self.ask(request)

    def ask(self, request: bytes) -> None:
        """Send an `open` or `attach`, with windows so small that they matter."""
        request = request.replace(b'"stdout":2097152', b'"stdout":%d' % self.window)
        self.to_server.append(request.replace(b'"stderr":2097152', b'"stderr":%d' % self.window))

    # -- the channel -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.to_server)
    @rule()
    def deliver_to_server(self) -> None:
        self.on_server(self.server.receive_message(self.to_server.popleft()))

    @precondition(lambda self: self.to_client)
    @rule()
    def deliver_to_client(self) -> None:
        self.on_client(self.client.receive_message(self.to_client.popleft()))

    @precondition(lambda self: self.client.can_resume)
    @rule(times=st.integers(1, 3))
    def cut(self, times: int) -> None:
        """Lose everything that is on the way, and come back; perhaps only to be cut off again at once."""
        for _ in range(times):
            self.to_server.clear()
            self.to_client.clear()
            self.server = ServerConnection(stdin_window=self.stdin_window)
            self.ask(self.client.attach())

    def answer(self, stdout: int, stderr: int) -> None:
        received = len(self.got_stdin)
        answer = Opened(
            "s", "c", "n", stdin_window=self.stdin_window, keep=300,
            stdin=Progress(received, received - self.waiting[Stream.STDIN]), stdin_ended=self.stdin_over,
            stdout=stdout, stderr=stderr,
        )  # fmt: skip
        self.to_client.append(self.server.send_opened(answer))

    def on_server(self, event: ServerEvent) -> None:
        assert not isinstance(event, Violated), event
        match event:
            case OpenRequested():
                self.answer(0, 0)
            case AttachRequested() if self.left:
                self.to_client.append(self.server.send_failure(SessionError("it has left")))
            case AttachRequested(request):
                self.answer(request.stdout.received, request.stderr.received)
            case StdinReceived(data):
                self.got_stdin += data
                self.waiting[Stream.STDIN] += len(data)
            case StdinEnded():
                assert len(self.got_stdin) == self.client.stdin.sent
                self.stdin_over = True
            case OutputAcked(status=True):
                self.confirmed = True
            case DetachRequested():
                assert len(self.got_stdin) == self.client.stdin.sent
                self.left = True
                self.to_client.append(self.server.send_detached(keep=1))

    def on_client(self, event: ClientEvent) -> None:
        assert not isinstance(event, Violated), event
        match event:
            case OutputReceived(stream, data):
                self.got[stream] += data
                self.waiting[stream] += len(data)
            case StatusReceived():
                assert self.ended is None
                self.ended = event
            case SessionOpened(answer):
                assert answer.session == "s"
            case SessionResumed(_, resend, missed):
                assert not any(missed.values())
                self.to_server.extend(resend)

    # -- the client ------------------------------------------------------------------------------------------------

    def may_type(self) -> bool:
        client = self.client
        return client.state is ClientState.OPEN and client._stdin_open and not client.is_leaving

    @precondition(lambda self: self.may_type())
    @rule(percent=PERCENT)
    def type(self, percent: int) -> None:
        size = -(-self.client.stdin.credit * percent // 100)
        self.to_server.append(self.client.send_stdin(numbered(self.client.stdin.sent, size)))

    @precondition(lambda self: self.may_type())
    @rule()
    def end_input(self) -> None:
        self.to_server.append(self.client.end_stdin())

    @rule(stream=STREAMS, percent=PERCENT)
    def write_output(self, stream: Stream, percent: int) -> None:
        size = -(-self.waiting[stream] * percent // 100)
        if self.client.state is ClientState.OPEN or size:
            self.waiting[stream] -= size
            ack = self.client.consumed(stream, size)
            if ack is not None:
                self.to_server.append(ack)

    @precondition(lambda self: self.ended and not self.confirmed and self.client.state is ClientState.ENDED)
    @rule()
    def confirm(self) -> None:
        for stream in OUTPUTS:
            self.client.consumed(stream, self.waiting[stream])
            self.waiting[stream] = 0
        self.to_server.append(self.client.acknowledge_status())

    @precondition(lambda self: self.client.state is ClientState.OPEN and not self.client.is_leaving)
    @rule(lazy=st.integers(0, 9))
    def detach(self, lazy: int) -> None:
        if lazy == 0:
            self.to_server.append(self.client.detach())

    # -- the server ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.server.state is ServerState.OPEN)
    @rule(stream=STREAMS, percent=PERCENT)
    def print(self, stream: Stream, percent: int) -> None:
        flow = self.server.output[stream]
        size = -(-flow.credit * percent // 100)
        if self.totals is not None:
            size = min(size, self.totals[stream] - flow.sent)
        self.to_client.append(self.server.send_output(stream, numbered(flow.sent, size)))

    @rule(percent=PERCENT)
    def pass_input_on(self, percent: int) -> None:
        size = -(-self.waiting[Stream.STDIN] * percent // 100)
        self.waiting[Stream.STDIN] -= size
        ack = self.server.consumed(size) if self.server.state >= ServerState.OPEN else None
        if ack is not None:
            self.to_client.append(ack)

    @precondition(lambda self: self.server.state is ServerState.OPEN)
    @rule(lazy=st.integers(0, 9))
    def end(self, lazy: int) -> None:
        sent = {stream: flow.sent for stream, flow in self.server.output.items()}
        if self.totals is None and lazy == 0:
            self.totals = sent
        if self.totals == sent:
            self.to_client.append(self.server.send_status(ExitStatus(7)))

    # -- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def bytes_arrive_once_and_in_order(self) -> None:
        assert self.got_stdin == numbered(0, len(self.got_stdin))
        assert all(data == numbered(0, len(data)) for data in self.got.values())

    @invariant()
    def nobody_has_more_on_the_way_than_the_window(self) -> None:
        pairs: list[tuple[SendFlow, ReceiveFlow]] = [(self.client.stdin, self.server._stdin)]
        if self.client.state is ClientState.OPENING:
            return  # the two ends compare their counts just now
        if self.server.output:
            pairs += [(self.server.output[stream], self.client._output[stream]) for stream in OUTPUTS]
        for sender, receiver in pairs:
            assert 0 <= sender.credit <= sender.window
            assert sender.acked <= receiver.reported <= receiver.consumed <= receiver.received <= sender.sent
            assert sender.sent - sender.acked <= sender.window

    @invariant()
    def a_status_speaks_of_all_that_came(self) -> None:
        if self.ended is not None:
            assert (self.ended.ended.stdout, self.ended.ended.stderr) == tuple(map(len, self.got.values()))
            assert self.ended.ended.status == ExitStatus(7)
        assert self.ended is not None or not self.confirmed

    def teardown(self) -> None:
        """From anywhere the conversation comes to its end: nobody waits for credit for ever."""
        if not hasattr(self, "client"):
            return
        self.settle()
        if self.client.is_leaving and self.ended is None:
            assert self.left
            assert self.client.state is ClientState.CLOSED
            return
        if self.server.state is ServerState.OPEN:
            for flow in self.server.output.values():
                assert flow.credit > 0
            if self.client._stdin_open:
                assert self.client.stdin.credit > 0
            while self.server.state is ServerState.OPEN:
                for stream in OUTPUTS:
                    self.print(stream, 100 if self.totals else 1)
                self.end(0)
                self.settle()
        self.confirm()
        self.settle()
        assert self.confirmed
        assert self.client.state is ClientState.ENDED

    def settle(self) -> None:
        """Deliver and consume everything that is on the way."""
        while self.to_server or self.to_client or any(self.waiting.values()):
            if self.to_server:
                self.deliver_to_server()
            if self.to_client:
                self.deliver_to_client()
            self.pass_input_on(100)
            for stream in OUTPUTS:
                self.write_output(stream, 100)


TestConversation = Conversation.TestCase


@given(
    st.lists(st.tuples(STREAMS, st.binary(min_size=1, max_size=20)), max_size=12),
    st.lists(
        st.tuples(st.sampled_from(["drop", "double", "cut", "swap", "flip"]), st.integers(0, 20), st.integers(0, 9))
    ),
)
def test_a_damaged_conversation_never_gives_a_status_of_other_output(
    output: list[tuple[Stream, bytes]], damages: list[tuple[str, int, int]]
) -> None:
    client, server = ClientConnection(), ServerConnection()
    server.receive_message(client.open("web", ExecSpec()))
    sent = [server.send_opened(Opened("s", "c", "n", stdin_window=server.stdin_window))]
    sent += [server.send_output(stream, data) for stream, data in output]
    sent.append(server.send_status(ExitStatus(0)))
    totals = dict.fromkeys(OUTPUTS, 0)
    for message in damaged(sent, damages):
        event = client.receive_message(message)
        if isinstance(event, OutputReceived):
            totals[event.stream] += len(event.data)
        if isinstance(event, StatusReceived):
            assert (event.ended.stdout, event.ended.stderr) == tuple(totals.values())
            assert client.state is ClientState.ENDED


def damaged(messages: list[bytes], damages: list[tuple[str, int, int]]) -> list[bytes]:
    """Break a conversation in ways that a reliable channel never would."""
    result = list(messages)
    for kind, where, how in damages:
        if not result:
            break
        index = where % len(result)
        message = result[index]
        if kind == "drop":
            del result[index]
        elif kind == "double":
            result.insert(index, message)
        elif kind == "cut":
            result[index] = message[:how]
        elif kind == "swap":
            result[index], result[-1] = result[-1], result[index]
        elif message:
            place = how % len(message)
            result[index] = message[:place] + bytes([message[place] ^ (1 << how % 8)]) + message[place + 1 :]
    return result


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=12), st.data())
def test_output_that_went_missing_is_noticed(output: list[bytes], data: st.DataObject) -> None:
    client, server = ClientConnection(), ServerConnection()
    server.receive_message(client.open("web", ExecSpec()))
    client.receive_message(server.send_opened(Opened("s", "c", "n", stdin_window=server.stdin_window)))
    sent = [server.send_output(Stream.STDOUT, piece) for piece in output]
    del sent[data.draw(st.integers(0, len(sent) - 1))]
    for message in sent:
        client.receive_message(message)
    event = client.receive_message(server.send_status(ExitStatus(0)))
    assert isinstance(event, Violated)
    assert event.error.code == "protocol.flow"
