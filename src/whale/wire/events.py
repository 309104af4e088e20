"""What comes out of a protocol machine. Past tense: each says what the peer did."""

from typing import NamedTuple

from whale.model.errors import ProtocolError
from whale.model.exec import Signal, Stream
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire.messages import Failure, Notice, Opened, Status
from whale.wire.requests import Attach, Join, Open


class OpenRequested(NamedTuple):
    """The client said what it wants. Answer with `send_opened` or `send_failure`."""

    request: Open


class AttachRequested(NamedTuple):
    """The client wants to go on with a session. Answer with `send_opened` or `send_failure`."""

    request: Attach


class JoinRequested(NamedTuple):
    """The client wants into a session. Answer with `send_opened` or `send_failure`."""

    request: Join


class RoleRequested(NamedTuple):
    """The client wants to be something else. A viewer it is at once; to be a controller takes `send_role`."""

    role: Role


class DetachRequested(NamedTuple):
    """The client leaves and the session stays. Answer with `send_detached`."""


class StdinReceived(NamedTuple):
    """Input. Call `consumed` when it has left for the engine."""

    data: bytes | memoryview
    """A view where there is much of it."""


class StdinEnded(NamedTuple):
    """No more input comes; output goes on."""


class Resized(NamedTuple):
    """The client's terminal changed its size."""

    size: TerminalSize


class SignalRequested(NamedTuple):
    """The client wants a signal sent."""

    signal: Signal


class OutputAcked(NamedTuple):
    """The client consumed output up to these offsets; with `status`, everything and the status too."""

    stdout: int
    stderr: int
    status: bool


class SessionOpened(NamedTuple):
    """The server accepted. Input may be sent within the credit; output goes on at the answer's offsets."""

    answer: Opened


class SessionResumed(NamedTuple):
    """The server has the session, and goes on. Send `resend`, which it does not know; then input as before."""

    answer: Opened
    resend: tuple[bytes, ...]
    missed: dict[Stream, int]
    """Output bytes that have left the server's window meanwhile, by stream; they will not come any more."""


class OutputReceived(NamedTuple):
    """Output. Call `consumed` when it has been written."""

    stream: Stream
    data: bytes


class ScreenReceived(NamedTuple):
    """What brings a terminal to the session's picture: write it before the output that follows; it is not counted."""

    data: bytes


class GapReceived(NamedTuple):
    """Output is left out that was not taken in time: so many bytes of each stream. Send `ack`: nothing comes before."""

    missed: dict[Stream, int]
    ack: bytes


class RoleChanged(NamedTuple):
    """What this client is from now on, and whether its terminal answers what programs ask."""

    role: Role
    answers: bool


class DetachConfirmed(NamedTuple):
    """This client has left the session, which the server keeps for so many seconds."""

    keep: int


class StdinAcked(NamedTuple):
    """Input up to this offset has left for the engine; there may be new credit."""

    offset: int


class StatusReceived(NamedTuple):
    """How the command ended. Nothing of the session comes after it."""

    ended: Status


class FailureReceived(NamedTuple):
    """The server says what went wrong and will close."""

    failure: Failure


class NoticeReceived(NamedTuple):
    """The server has a word for the user."""

    notice: Notice


class ApprovalAwaited(NamedTuple):
    """Somebody else has to allow what was asked for, and is asked. The answer comes as if nothing had been."""

    approval: str
    seconds: int


class Violated(NamedTuple):
    """The peer broke the rules. Send it the error, close, and read nothing more from it."""

    error: ProtocolError


ServerEvent = (
    OpenRequested
    | AttachRequested
    | JoinRequested
    | RoleRequested
    | DetachRequested
    | StdinReceived
    | StdinEnded
    | Resized
    | SignalRequested
    | OutputAcked
    | Violated
    | None
)
ClientEvent = (
    SessionOpened
    | SessionResumed
    | OutputReceived
    | ScreenReceived
    | GapReceived
    | RoleChanged
    | DetachConfirmed
    | StdinAcked
    | StatusReceived
    | FailureReceived
    | NoticeReceived
    | ApprovalAwaited
    | Violated
    | None
)
