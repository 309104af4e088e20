"""The client's end of the protocol: one object per session.

States only move forward: IDLE → OPENING → OPEN → ENDED, and CLOSED from anywhere. One way leads back: where a
connection breaks under an OPEN session that is kept, `attach` begins on the next connection what `open` or `join`
began.
"""

from enum import IntEnum
from typing import assert_never

from whale.model.byte_log import ByteLog
from whale.model.errors import ProtocolError, UsageError
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.limits import MAX_CONTROL, MAX_MESSAGE, MAX_PAYLOAD, WINDOW_PIPE, WINDOW_STDIN, WINDOW_TTY
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import messages, requests
from whale.wire.events import (
    ApprovalAwaited,
    ClientEvent,
    DetachConfirmed,
    FailureReceived,
    GapReceived,
    NoticeReceived,
    OutputReceived,
    RoleChanged,
    ScreenReceived,
    SessionOpened,
    SessionResumed,
    StatusReceived,
    StdinAcked,
    Violated,
)
from whale.wire.flow import ReceiveFlow, SendFlow
from whale.wire.frames import HALF_CLOSE_STDIN, PREFIXES, Channel

OUTPUT_STREAMS = {int(Channel.STDOUT): Stream.STDOUT, int(Channel.STDERR): Stream.STDERR}

_BEFORE_STDIN = PREFIXES[Channel.STDIN]
_STDOUT = int(Channel.STDOUT)
_CONTROLLER = Role.CONTROLLER  # like the state OPEN looked up for every keystroke, and an enumeration is slow at it


class ClientState(IntEnum):
    """Where a conversation is. Compared by order: it never goes back."""

    IDLE = 0
    OPENING = 1
    OPEN = 2
    ENDED = 3
    CLOSED = 4


_OPEN = ClientState.OPEN


class ClientConnection:
    """Start with `open` or `join`; feed it messages with `receive_message`; send what its methods return, in order."""

    __slots__ = (
        "_answer", "_has_stdin", "_is_kept", "_is_leaving", "_output", "_request", "_stdin_open", "_unacked", "role",
        "state", "stdin",
    )  # fmt: skip

    def __init__(self) -> None:
        self.state = ClientState.IDLE
        self.role = Role.CONTROLLER
        """A viewer sends no input, sizes or signals."""
        self._request: requests.Open | requests.Join | None = None
        self._answer: messages.Opened | None = None
        self._has_stdin = False
        self._is_kept = False
        self._is_leaving = False
        self._unacked = ByteLog(window=WINDOW_STDIN)
        """Input that the server may not have, for a session that is kept."""
        self.stdin = SendFlow(window=0)
        """Credit and offsets of the input; no credit before the server opened."""
        self._stdin_open = False
        self._output: dict[Stream, ReceiveFlow] = {}

    def open(self, container: str, spec: ExecSpec, *, attachment: str = "", name: str = "", reason: str = "") -> bytes:
        """Ask for a command in a container. Send nothing else until `SessionOpened` came.

        `attachment`, 32 random hexadecimal digits, asks the server to keep the session when the connection breaks: see
        `can_resume`. A session of this user's that has the `name` is joined instead. Raises `UsageError` for a
        request that no server takes: too long, or with text that is not UTF-8.
        """
        window = WINDOW_TTY if spec.tty else WINDOW_PIPE
        request = requests.Open(container, spec, window, window, attachment=attachment, name=name, reason=reason)
        encoded = _encode_request(request)
        self._ask(request, window=window, has_stdin=spec.stdin)
        return encoded

    def join(
        self,
        session: str,
        *,
        role: Role,
        attachment: str,
        tty: bool,
        stdin: bool,
        size: TerminalSize | None,
        reason: str = "",
    ) -> bytes:
        """Ask for a place in a session that is there. Send nothing else until `SessionOpened` came."""
        window = WINDOW_TTY if tty else WINDOW_PIPE
        request = requests.Join(session, role, attachment, window, window, size, reason)
        self._ask(request, window=window, has_stdin=stdin)
        return requests.encode_join(request)

    def _ask(self, request: requests.Open | requests.Join, *, window: int, has_stdin: bool) -> None:
        self._require(ClientState.IDLE)
        self._request, self._is_kept = request, bool(request.attachment)
        self.state = ClientState.OPENING
        self._stdin_open = self._has_stdin = has_stdin
        self._output = {
            Stream.STDOUT: ReceiveFlow(window=window),
            Stream.STDERR: ReceiveFlow(window=window),
        }

    @property
    def can_resume(self) -> bool:
        """True when a broken connection is not the end: the server keeps the session, and the status is not here."""
        return self.state in (ClientState.OPENING, ClientState.OPEN) and self._is_kept

    @property
    def is_leaving(self) -> bool:
        """True when `detach` was sent. On a connection that broke it is sent again, behind the input before it."""
        return self._is_leaving

    @property
    def is_known(self) -> bool:
        """True when the server has said which session this is: `attach` asks for that one, and starts none."""
        return self._answer is not None

    @property
    def keep(self) -> int | None:
        """Seconds that the server keeps the session without a connection; None before it said so."""
        return self._answer.keep if self._answer is not None else None

    def attach(self, *, size: TerminalSize | None = None, screen: bool = False) -> bytes:
        """Ask, on a new connection, to go on. Send nothing else until `SessionOpened` or `SessionResumed` came.

        `screen` asks for the session's picture behind the output that was missed, unless it is not known yet.
        """
        assert self._request is not None
        self.state = ClientState.OPENING
        if self._answer is None:
            if isinstance(self._request, requests.Join):
                return requests.encode_join(self._request)
            return _encode_request(self._request)
        stdout, stderr = self._output[Stream.STDOUT], self._output[Stream.STDERR]
        request = requests.Attach(
            self._request.attachment,
            stdout=requests.Progress(stdout.received, stdout.report()),
            stderr=requests.Progress(stderr.received, stderr.report()),
            stdout_window=stdout.window,
            stderr_window=stderr.window,
            size=size,
            screen=screen,
        )
        return requests.encode_attach(request)

    def receive_message(self, message: bytes) -> ClientEvent:
        """Take one binary message and return what it meant."""
        try:
            if self.state is _OPEN and 0 < len(message) <= MAX_MESSAGE and message[0] == _STDOUT:
                return self._receive_output(Stream.STDOUT, message[1:])
            return self._receive(message)
        except ProtocolError as error:
            self.state = ClientState.CLOSED
            return Violated(error)

    def send_stdin(self, data: bytes) -> bytes:
        """Send input; the caller keeps within `stdin.credit`."""
        return self.begin_stdin(data) + data

    def begin_stdin(self, data: bytes) -> bytes:
        """Send input like `send_stdin`, but return only what stands before it in its message."""
        if self.state is not _OPEN or self.role is not _CONTROLLER or self._is_leaving or not self._stdin_open:
            self._require_stdin()
        self.stdin.send(len(data))
        if self._is_kept:
            self._unacked.append(data)
        return _BEFORE_STDIN

    def end_stdin(self) -> bytes:
        """Say, once, that no more input comes. Not needed where the request had no input at all."""
        self._require_stdin()
        self._stdin_open = False
        return HALF_CLOSE_STDIN

    def resize(self, size: TerminalSize) -> bytes:
        """Say the terminal's new size."""
        self._require_control()
        return messages.encode_resize(size)

    def signal(self, signal: Signal) -> bytes:
        """Ask for a signal."""
        self._require_control()
        return messages.encode_signal(signal)

    def change_role(self, role: Role) -> bytes:
        """Ask to be something else. Whoever gives the keyboard away stops typing now; who wants it waits for it."""
        self._require(ClientState.OPEN)
        if role is Role.VIEWER:
            self.role = role
        return messages.encode_role_request(role)

    def detach(self) -> bytes:
        """Leave the session to itself. Send nothing after it but acknowledgements; `DetachConfirmed` is the answer."""
        self._require(ClientState.OPEN)
        self._is_leaving = True
        return messages.encode_detach()

    def consumed(self, stream: Stream, size: int) -> bytes | None:
        """Count output that was written; return an acknowledgement when it is time for one."""
        if self._output[stream].consume(size) and self.state is ClientState.OPEN:
            return self._ack(status=False)
        return None

    def acknowledge_status(self) -> bytes:
        """Confirm that all output was `consumed` and the status seen. The server closes after it."""
        self._require(ClientState.ENDED)
        if any(flow.consumed != flow.received for flow in self._output.values()):
            raise RuntimeError("there is output that was not consumed")
        return self._ack(status=True)

    def _ack(self, *, status: bool) -> bytes:
        stdout, stderr = self._output[Stream.STDOUT].report(), self._output[Stream.STDERR].report()
        return messages.encode_output_ack(messages.OutputAck(stdout=stdout, stderr=stderr, status=status))

    def _require(self, state: ClientState) -> None:
        if self.state is not state:
            raise RuntimeError(f"not possible in state {self.state.name}")

    def _require_control(self) -> None:
        self._require(ClientState.OPEN)
        if self.role is not Role.CONTROLLER or self._is_leaving:
            raise RuntimeError("not possible for a viewer, or for who has left")

    def _require_stdin(self) -> None:
        self._require_control()
        if not self._stdin_open:
            raise RuntimeError("there is no input, or it was ended")

    def _receive(self, message: bytes) -> ClientEvent:
        if self.state is ClientState.CLOSED:
            return None
        if not message:
            raise ProtocolError("a message needs a channel byte")
        if len(message) > MAX_MESSAGE:
            raise ProtocolError("a message is too long", code="protocol.too_big")
        channel = message[0]
        if self.state is ClientState.ENDED:
            return self._receive_late(channel, message[1:])
        stream = OUTPUT_STREAMS.get(channel)
        if stream is not None:
            return self._receive_output(stream, message[1:])
        if channel == Channel.CONTROL:
            return self._receive_control(message[1:])
        if channel == Channel.STATUS:
            return self._receive_status(message[1:])
        if channel == Channel.SCREEN:
            self._expect_open()
            return ScreenReceived(message[1:])
        raise ProtocolError("unknown channel", code="protocol.unknown_channel")

    def _receive_output(self, stream: Stream, data: bytes) -> ClientEvent:
        if self.state < _OPEN:
            self._expect_open()
        self._output[stream].receive(len(data))
        return OutputReceived(stream, data) if data else None

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
            return self._receive_opened(control)
        if isinstance(control, messages.Failure):
            self.state = ClientState.CLOSED
            return FailureReceived(control)
        if isinstance(control, messages.Notice):
            return NoticeReceived(control)
        if isinstance(control, messages.WaitingForApproval):
            if self.state is not ClientState.OPENING:
                raise ProtocolError("waiting for what is there")
            return ApprovalAwaited(*control)
        self._expect_open()
        if isinstance(control, messages.InputAck):
            self.stdin.acknowledge(offset=control.stdin)
            if self._is_kept:
                self._unacked.trim(offset=control.stdin)
            return StdinAcked(control.stdin)
        if isinstance(control, messages.Gap):
            return self._receive_gap(control)
        if isinstance(control, messages.RoleChange):
            self.role = control.role
            return RoleChanged(control.role, control.answers)
        if isinstance(control, messages.Detached):
            if not self._is_leaving:
                raise ProtocolError("detached without having been asked")
            self.state = ClientState.CLOSED
            return DetachConfirmed(control.keep)
        assert_never(control)

    def _receive_opened(self, answer: messages.Opened) -> ClientEvent:
        if self.state is not ClientState.OPENING:
            raise ProtocolError("opened without having been asked")
        before, self._answer = self._answer, answer
        self._is_kept = self._is_kept and answer.keep > 0
        self.state = ClientState.OPEN
        self.stdin.window = answer.stdin_window
        self.role = answer.role
        if before is None:
            self._skip(stdout=answer.stdout, stderr=answer.stderr)  # what was before a client joined is not its own
            return SessionOpened(answer)
        if before.session != answer.session:
            raise ProtocolError("the server went on with another session")
        missed = self._skip(stdout=answer.stdout, stderr=answer.stderr)
        resend = self._resend(answer)
        if any(flow.consumed > flow.reported for flow in self._output.values()):
            # Consumed since `attach` was sent: the server may wait for the word, and no more output would bring it.
            resend = (self._ack(status=False), *resend)
        if self._is_leaving:
            resend = (*resend, messages.encode_detach())
        return SessionResumed(answer, resend, missed)

    def _receive_gap(self, gap: messages.Gap) -> ClientEvent:
        reported = {stream: flow.reported for stream, flow in self._output.items()}
        missed = self._skip(stdout=gap.stdout, stderr=gap.stderr)
        for stream, flow in self._output.items():
            flow.reported = reported[stream]
        return GapReceived(missed, self._ack(status=False))

    def _skip(self, *, stdout: int, stderr: int) -> dict[Stream, int]:
        """Go on at these offsets; return how many bytes are left out of each stream."""
        return {
            Stream.STDOUT: self._output[Stream.STDOUT].skip(offset=stdout),
            Stream.STDERR: self._output[Stream.STDERR].skip(offset=stderr),
        }

    def _resend(self, answer: messages.Opened) -> tuple[bytes, ...]:
        """Encode the input, and its end, that the server has not received. What it has, it never gets again."""
        log, stdin = self._unacked, self.stdin
        received, consumed = answer.stdin
        if not (log.start <= consumed and received <= log.end):
            raise ProtocolError("the server counts the input otherwise", code="protocol.flow")
        stdin.acked, stdin.sent = consumed, log.end
        log.trim(offset=consumed)
        pieces = [
            PREFIXES[Channel.STDIN] + log.read(offset=offset, size=MAX_PAYLOAD)
            for offset in range(received, log.end, MAX_PAYLOAD)
        ]
        if self._has_stdin and not self._stdin_open and not answer.stdin_ended and self.role is Role.CONTROLLER:
            pieces.append(HALF_CLOSE_STDIN)
        return tuple(pieces)

    def _receive_late(self, channel: int, payload: bytes) -> ClientEvent:
        """A server that stops may still say so; nothing it says changes how the command ended (section 6)."""
        if channel == Channel.CONTROL:
            late = messages.decode_server_control(payload)
            if isinstance(late, messages.Failure | messages.Notice):
                return None
        raise ProtocolError("a message after the status")

    def _expect_open(self) -> None:
        if self.state < ClientState.OPEN:
            raise ProtocolError("the session is not open yet")


def _encode_request(request: requests.Open) -> bytes:
    try:
        message = requests.encode_open(request)
    except UnicodeEncodeError as error:
        raise UsageError("the command or its environment is not valid UTF-8") from error
    if len(message) - 1 > MAX_CONTROL:
        raise UsageError(
            f"the command and its environment are longer than {MAX_CONTROL} bytes",
            hint="send long data through stdin",
        )
    return message
