"""The server's end of the protocol: one object per WebSocket connection.

States only move forward: AWAITING_OPEN → OPENING → OPEN → ENDED, and CLOSED from anywhere.
"""

from enum import IntEnum
from typing import assert_never

from whale.model.errors import ProtocolError, WhaleError
from whale.model.exec import ExitStatus, Stream
from whale.model.limits import KIB, MAX_MESSAGE, WINDOW_STDIN
from whale.model.role import Role
from whale.wire import messages, requests
from whale.wire.events import (
    AttachRequested,
    DetachRequested,
    JoinRequested,
    OpenRequested,
    OutputAcked,
    Resized,
    RoleRequested,
    ServerEvent,
    SignalRequested,
    StdinEnded,
    StdinReceived,
    Violated,
)
from whale.wire.flow import ReceiveFlow, SendFlow
from whale.wire.frames import HALF_CLOSE_STDIN, PREFIXES, Channel

_BULK = 4 * KIB
"""Bytes of input from which on it is not copied out of its message."""


class ServerState(IntEnum):
    """Where a conversation is. Compared by order: it never goes back."""

    AWAITING_OPEN = 0
    OPENING = 1
    OPEN = 2
    ENDED = 3
    CLOSED = 4


# Looked up for every keystroke, and an enumeration is slow at it.
_OPEN, _VIEWER, _STDIN = ServerState.OPEN, Role.VIEWER, int(Channel.STDIN)


class ServerConnection:
    """Feed it messages with `receive_message`; send what its `send_…` methods return, in that order."""

    __slots__ = ("_role", "_stdin", "_stdin_open", "output", "state")

    def __init__(self, *, stdin_window: int = WINDOW_STDIN) -> None:
        self.state = ServerState.AWAITING_OPEN
        self._stdin = ReceiveFlow(window=stdin_window)
        self._stdin_open = False
        self._role = Role.CONTROLLER
        self.output: dict[Stream, SendFlow] = {}
        """Credit and offsets of STDOUT and STDERR; empty before `open`."""

    def receive_message(self, message: bytes) -> ServerEvent:
        """Take one binary message and return what it meant, or None for one that no longer matters."""
        try:
            if self.state is _OPEN and 0 < len(message) < _BULK and message[0] == _STDIN:
                return self._receive_stdin(message[1:])
            return self._receive(message)
        except ProtocolError as error:
            self.state = ServerState.CLOSED
            return Violated(error)

    def receive_text(self) -> ServerEvent:
        """Take note of a text message: there are none in this protocol (section 3)."""
        if self.state is ServerState.CLOSED:
            return None
        self.state = ServerState.CLOSED
        return Violated(ProtocolError("text messages are not allowed here", code="protocol.text_frame"))

    @property
    def is_ack_near(self) -> bool:
        """True when so much input came that an acknowledgement may be due; below that nobody needs to count."""
        flow = self._stdin
        return (flow.received - flow.reported) * 4 >= flow.window

    def consumed(self, size: int) -> bytes | None:
        """Count input that has left for the engine; return an acknowledgement when it is time for one."""
        if self._stdin.consume(size) and self.state is ServerState.OPEN:
            return messages.encode_input_ack(messages.InputAck(stdin=self._stdin.report()))
        return None

    @property
    def stdin_window(self) -> int:
        """Credit for input."""
        return self._stdin.window

    def send_opened(self, answer: messages.Opened) -> bytes:
        """Accept the request, whichever it was; all counts go on from the answer's."""
        self._require(ServerState.OPENING)
        self.state = ServerState.OPEN
        self._role = answer.role
        self._stdin = ReceiveFlow(
            window=answer.stdin_window, received=answer.stdin.received, consumed=answer.stdin.consumed
        )
        self._stdin_open = self._stdin_open and not answer.stdin_ended
        self._go_on(answer.stdout, answer.stderr)
        return messages.encode_opened(answer)

    def send_waiting(self, *, approval: str, seconds: int) -> bytes:
        """Say that somebody else has to allow the request first. `send_opened` or `send_failure` follows."""
        self._require(ServerState.OPENING)
        return messages.encode_waiting(messages.WaitingForApproval(approval, seconds))

    def send_gap(self, *, stdout: int, stderr: int) -> bytes:
        """Leave output out: both channels go on at these offsets, once the client has acknowledged that."""
        self._require(ServerState.OPEN)
        # Acknowledgements of what was sent before may be on their way: the client's word for the gap gives new credit.
        self.output[Stream.STDOUT].sent = stdout
        self.output[Stream.STDERR].sent = stderr
        return messages.encode_gap(messages.Gap(stdout, stderr))

    def send_screen(self, data: bytes) -> bytes:
        """Send what brings the client's terminal to the session's picture; it costs no credit."""
        self._require(ServerState.OPEN)
        return PREFIXES[Channel.SCREEN] + data

    def send_role(self, role: Role, *, answers: bool) -> bytes:
        """Say what the client is from now on."""
        self._require(ServerState.OPEN)
        self._role = role
        return messages.encode_role_change(messages.RoleChange(role, answers))

    def send_detached(self, *, keep: int) -> bytes:
        """Say that the client has left and the session stays. Close after it."""
        self.state = ServerState.CLOSED
        return messages.encode_detached(messages.Detached(keep))

    def send_output(self, stream: Stream, data: bytes) -> bytes:
        """Send output; the caller keeps within `output[stream].credit`."""
        if self.state is not _OPEN:
            self._require(ServerState.OPEN)
        self.output[stream].send(len(data))
        return PREFIXES[stream] + data

    def send_status(self, status: ExitStatus, *, message: str = "") -> bytes:
        """Say how it ended, after the last byte of output. Nothing but the close follows."""
        self._require(ServerState.OPEN)
        self.state = ServerState.ENDED
        stdout, stderr = self.output[Stream.STDOUT].sent, self.output[Stream.STDERR].sent
        return messages.encode_status(messages.Status(status, message, stdout=stdout, stderr=stderr))

    def send_failure(self, error: WhaleError) -> bytes:
        """Say what went wrong, without its operator's detail. Close after it."""
        self.state = ServerState.CLOSED
        return messages.encode_failure(messages.Failure(error.code, error.message, error.hint))

    def send_notice(self, *, code: str, message: str) -> bytes:
        """Say something that does not end the session."""
        return messages.encode_notice(messages.Notice(code=code, message=message))

    def _go_on(self, stdout: int, stderr: int) -> None:
        for stream, begin in ((Stream.STDOUT, stdout), (Stream.STDERR, stderr)):
            flow = self.output[stream]
            # What the client holds and has not consumed stays as much, even where bytes are left out in between.
            flow.acked += begin - flow.sent
            flow.sent = begin

    def _require(self, state: ServerState) -> None:
        if self.state is not state:
            raise RuntimeError(f"not possible in state {self.state.name}")

    def _receive(self, message: bytes) -> ServerEvent:
        if self.state is ServerState.CLOSED:
            return None
        if not message:
            raise ProtocolError("a message needs a channel byte")
        if len(message) > MAX_MESSAGE:
            raise ProtocolError("a message is too long", code="protocol.too_big")
        channel = message[0]
        if channel == Channel.STDIN:
            return self._receive_stdin(message[1:] if len(message) < _BULK else memoryview(message)[1:])
        if channel == Channel.CONTROL:
            return self._receive_control(message[1:])
        if channel == Channel.RESIZE:
            self._expect_control()
            size = messages.decode_resize(message[1:])
            return Resized(size) if self.state is ServerState.OPEN else None
        if channel == Channel.HALF_CLOSE:
            return self._receive_half_close(message)
        raise ProtocolError("unknown channel", code="protocol.unknown_channel")

    def _receive_stdin(self, data: bytes | memoryview) -> ServerEvent:
        if self.state is not _OPEN or self._role is _VIEWER:
            self._expect_control()
        if not self._stdin_open:
            raise ProtocolError("input after its end, or where none was announced")
        self._stdin.receive(len(data))
        # Input that crossed the status on its way has nobody to go to (section 6).
        return StdinReceived(data) if data and self.state is _OPEN else None

    def _receive_half_close(self, message: bytes) -> ServerEvent:
        self._expect_control()
        if message != HALF_CLOSE_STDIN:
            raise ProtocolError("only stdin can be closed by a client")
        if not self._stdin_open:
            raise ProtocolError("input ended twice, or where none was announced")
        self._stdin_open = False
        return StdinEnded() if self.state is ServerState.OPEN else None

    def _receive_control(self, payload: bytes) -> ServerEvent:
        control = messages.decode_client_control(payload)
        if isinstance(control, requests.Open):
            return self._receive_open(control)
        if isinstance(control, requests.Attach | requests.Join):
            return self._receive_return(control)
        self._expect_open()
        if isinstance(control, messages.OutputAck):
            return self._receive_ack(control)
        is_open = self.state is ServerState.OPEN
        if isinstance(control, messages.SignalRequest):
            self._expect_control()
            return SignalRequested(control.signal) if is_open else None
        if isinstance(control, messages.RoleRequest):
            if control.role is Role.VIEWER:
                self._role = Role.VIEWER
            return RoleRequested(control.role) if is_open else None
        if isinstance(control, messages.DetachRequest):
            return DetachRequested() if is_open else None
        assert_never(control)

    def _receive_open(self, request: requests.Open) -> ServerEvent:
        if self.state is not ServerState.AWAITING_OPEN:
            raise ProtocolError("open is only possible once, first")
        self.state = ServerState.OPENING
        self._stdin_open = request.spec.stdin
        self.output = {
            Stream.STDOUT: SendFlow(window=request.stdout_window),
            Stream.STDERR: SendFlow(window=request.stderr_window),
        }
        return OpenRequested(request)

    def _receive_return(self, request: requests.Attach | requests.Join) -> ServerEvent:
        if self.state is not ServerState.AWAITING_OPEN:
            raise ProtocolError("attach and join are only possible once, first")
        self.state = ServerState.OPENING
        self._stdin_open = True  # unless the answer says otherwise
        if isinstance(request, requests.Join):
            nothing = requests.Progress()
            self._resume(nothing, nothing, request)
            return JoinRequested(request)
        self._resume(request.stdout, request.stderr, request)
        return AttachRequested(request)

    def _resume(
        self, stdout: requests.Progress, stderr: requests.Progress, request: requests.Attach | requests.Join
    ) -> None:
        self.output = {
            Stream.STDOUT: SendFlow(window=request.stdout_window, sent=stdout.received, acked=stdout.consumed),
            Stream.STDERR: SendFlow(window=request.stderr_window, sent=stderr.received, acked=stderr.consumed),
        }

    def _receive_ack(self, ack: messages.OutputAck) -> ServerEvent:
        self.output[Stream.STDOUT].acknowledge(offset=ack.stdout)
        self.output[Stream.STDERR].acknowledge(offset=ack.stderr)
        if ack.status and self.state is not ServerState.ENDED:
            raise ProtocolError("a status was acknowledged that was not sent")
        if ack.status and any(flow.acked != flow.sent for flow in self.output.values()):
            raise ProtocolError("a status was acknowledged without all of the output", code="protocol.flow")
        return OutputAcked(stdout=ack.stdout, stderr=ack.stderr, status=ack.status)

    def _expect_open(self) -> None:
        if self.state < ServerState.OPEN:
            raise ProtocolError("the session is not open yet")

    def _expect_control(self) -> None:
        self._expect_open()
        if self._role is Role.VIEWER:
            raise ProtocolError("a viewer only looks")
