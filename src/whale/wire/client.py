"""The client's end of the protocol: one object per WebSocket connection.

States only move forward: IDLE → OPENING → OPEN → ENDED, and CLOSED from anywhere.
"""

from enum import IntEnum
from typing import assert_never

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.limits import MAX_MESSAGE, WINDOW_PIPE, WINDOW_TTY
from whale.model.terminal import TerminalSize
from whale.wire import messages
from whale.wire.events import (
    ClientEvent,
    FailureReceived,
    NoticeReceived,
    OutputReceived,
    SessionOpened,
    StatusReceived,
    StdinAcked,
    Violated,
)
from whale.wire.flow import ReceiveFlow, SendFlow
from whale.wire.frames import HALF_CLOSE_STDIN, PREFIXES, Channel


class ClientState(IntEnum):
    """Where a conversation is. Compared by order: it never goes back."""

    IDLE = 0
    OPENING = 1
    OPEN = 2
    ENDED = 3
    CLOSED = 4


class ClientConnection:
    """Start with `open`; feed it messages with `receive_message`; send what its methods return, in that order."""

    __slots__ = ("_output", "_stdin_open", "state", "stdin")

    def __init__(self) -> None:
        self.state = ClientState.IDLE
        self.stdin = SendFlow(window=0)
        """Credit and offsets of the input; no credit before the server opened."""
        self._stdin_open = True
        self._output: dict[Stream, ReceiveFlow] = {}

    def open(self, container: str, spec: ExecSpec) -> bytes:
        """Ask for a command in a container. Send nothing else until `SessionOpened` came."""
        self._require(ClientState.IDLE)
        self.state = ClientState.OPENING
        window = WINDOW_TTY if spec.tty else WINDOW_PIPE
        self._output = {
            Stream.STDOUT: ReceiveFlow(window=window),
            Stream.STDERR: ReceiveFlow(window=window),
        }
        return messages.encode_open(messages.Open(container, spec, stdout_window=window, stderr_window=window))

    def receive_message(self, message: bytes) -> ClientEvent:
        """Take one binary message and return what it meant."""
        try:
            return self._receive(message)
        except ProtocolError as error:
            self.state = ClientState.CLOSED
            return Violated(error)

    def send_stdin(self, data: bytes) -> bytes:
        """Send input; the caller keeps within `stdin.credit`."""
        self._require(ClientState.OPEN)
        if not self._stdin_open:
            raise RuntimeError("input was ended")
        self.stdin.send(len(data))
        return PREFIXES[Channel.STDIN] + data

    def end_stdin(self) -> bytes:
        """Say that no more input comes."""
        self._require(ClientState.OPEN)
        self._stdin_open = False
        return HALF_CLOSE_STDIN

    def resize(self, size: TerminalSize) -> bytes:
        """Say the terminal's new size."""
        self._require(ClientState.OPEN)
        return messages.encode_resize(size)

    def signal(self, signal: Signal) -> bytes:
        """Ask for a signal."""
        self._require(ClientState.OPEN)
        return messages.encode_signal(signal)

    def consumed(self, stream: Stream, size: int) -> bytes | None:
        """Count output that was written; return an acknowledgement when it is time for one."""
        if self._output[stream].consume(size) and self.state is ClientState.OPEN:
            return self._ack(status=False)
        return None

    def acknowledge_status(self) -> bytes:
        """Confirm that everything up to the status was received and written. The server closes after it."""
        self._require(ClientState.ENDED)
        return self._ack(status=True)

    def _ack(self, *, status: bool) -> bytes:
        stdout, stderr = self._output[Stream.STDOUT].report(), self._output[Stream.STDERR].report()
        return messages.encode_output_ack(messages.OutputAck(stdout=stdout, stderr=stderr, status=status))

    def _require(self, state: ClientState) -> None:
        if self.state is not state:
            raise RuntimeError(f"not possible in state {self.state.name}")

    def _receive(self, message: bytes) -> ClientEvent:
        if self.state is ClientState.CLOSED:
            return None
        if not message:
            raise ProtocolError("a message needs a channel byte")
        if len(message) > MAX_MESSAGE:
            raise ProtocolError("a message is too long", code="protocol.too_big")
        if self.state is ClientState.ENDED:
            raise ProtocolError("a message after the status")
        channel = message[0]
        if channel in (Channel.STDOUT, Channel.STDERR):
            return self._receive_output(Stream(channel), message[1:])
        if channel == Channel.CONTROL:
            return self._receive_control(message[1:])
        if channel == Channel.STATUS:
            return self._receive_status(message[1:])
        raise ProtocolError("unknown channel", code="protocol.unknown_channel")

    def _receive_output(self, stream: Stream, data: bytes) -> ClientEvent:
        self._expect_open()
        self._output[stream].receive(len(data))
        return OutputReceived(stream, data)

    def _receive_status(self, payload: bytes) -> ClientEvent:
        self._expect_open()
        ended = messages.decode_status(payload)
        # The server counts too: a byte that went missing on the way is found here (section 6).
        received = (self._output[Stream.STDOUT].received, self._output[Stream.STDERR].received)
        if received != (ended.stdout, ended.stderr):
            raise ProtocolError("the output is not whole", code="protocol.flow")
        self.state = ClientState.ENDED
        return StatusReceived(ended)

    def _receive_control(self, payload: bytes) -> ClientEvent:
        control = messages.decode_server_control(payload)
        if isinstance(control, messages.Opened):
            if self.state is not ClientState.OPENING:
                raise ProtocolError("opened without having been asked")
            self.state = ClientState.OPEN
            self.stdin.window = control.stdin_window
            return SessionOpened(control)
        if isinstance(control, messages.Failure):
            self.state = ClientState.CLOSED
            return FailureReceived(control)
        if isinstance(control, messages.Notice):
            return NoticeReceived(control)
        if isinstance(control, messages.InputAck):
            self._expect_open()
            self.stdin.acknowledge(offset=control.stdin)
            return StdinAcked(control.stdin)
        assert_never(control)

    def _expect_open(self) -> None:
        if self.state < ClientState.OPEN:
            raise ProtocolError("the session is not open yet")
