"""The messages of PROTOCOL.md section 4 after the request, as values, and their JSON."""

from typing import NamedTuple

from whale.model.errors import ProtocolError
from whale.model.exec import ExitStatus, Signal
from whale.model.limits import MAX_TEXT
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import fields
from whale.wire.fields import Fields, decode_object, encode_object
from whale.wire.frames import Channel, encode_frame
from whale.wire.requests import (
    Attach,
    Join,
    Open,
    Progress,
    decode_attach,
    decode_join,
    decode_open,
    decode_progress,
    decode_role,
    encode_size,
)

MAX_ENDED_CODE = 255


class Opened(NamedTuple):
    """s→c: the client has its session: a new one, its own again, or one that it joined. It may send input now."""

    session: str
    container_id: str
    container_name: str
    stdin_window: int
    keep: int = 0
    """Seconds that the session waits for its client to come back; 0 for one that ends with its connection."""
    stdin: Progress = Progress()
    stdin_ended: bool = False
    stdout: int = 0
    stderr: int = 0
    """Offsets of the first output byte that follows, each stream's."""
    role: Role = Role.CONTROLLER
    answers: bool = True
    """Whether this client's terminal answers what programs ask terminals."""
    joined: bool = False
    """The session was there before, and was not this client's."""
    replay: int = 0
    """Output of channel 1 before this offset was written while the client was away: nothing in it is answered."""
    screen: bool = False
    """Whether the session has a picture, for an `attach` that wants it."""


class Gap(NamedTuple):
    """s→c: output that a viewer did not take in time is left out; the channels go on at these offsets."""

    stdout: int
    stderr: int


class RoleRequest(NamedTuple):
    """c→s: be something else from now on."""

    role: Role


class RoleChange(NamedTuple):
    """s→c: what the client is from now on."""

    role: Role
    answers: bool


class DetachRequest(NamedTuple):
    """c→s, last: leave the session to itself."""


class Detached(NamedTuple):
    """s→c, last: the client has left, and the session goes on for so many seconds without anybody."""

    keep: int


class OutputAck(NamedTuple):
    """c→s: how many bytes of each stream the client has consumed; `status` after the status was seen too."""

    stdout: int
    stderr: int
    status: bool


class InputAck(NamedTuple):
    """s→c: how many bytes of input have left for the engine."""

    stdin: int


class SignalRequest(NamedTuple):
    """c→s: send this signal to the command."""

    signal: Signal


class Failure(NamedTuple):
    """s→c: an error with a stable code; the close code that follows fits it."""

    code: str
    message: str
    hint: str


class Notice(NamedTuple):
    """s→c: something worth a line to the user; the session goes on."""

    code: str
    message: str


class WaitingForApproval(NamedTuple):
    """s→c, instead of `opened` for now: somebody else has to allow it, and has so many seconds for that."""

    approval: str
    seconds: int


class Status(NamedTuple):
    """s→c, once, last: how the command ended, and how many bytes of each stream there were in all."""

    status: ExitStatus
    message: str
    stdout: int
    stderr: int


ClientControl = Open | Attach | Join | OutputAck | SignalRequest | RoleRequest | DetachRequest
ServerControl = Opened | InputAck | Failure | Notice | Gap | RoleChange | Detached | WaitingForApproval


def encode_opened(message: Opened) -> bytes:
    """Encode the answer to `open` and `attach`."""
    body: Fields = {
        "type": "opened",
        "session": message.session,
        "container": {"id": message.container_id, "name": _for_people(message.container_name)},
        "window": {"stdin": message.stdin_window},
        "keep": message.keep,
        "stdin": message.stdin._asdict() | {"ended": message.stdin_ended},
        "from": {"stdout": message.stdout, "stderr": message.stderr},
        "role": message.role.value,
        "answers": message.answers,
        "joined": message.joined,
        "replay": message.replay,
        "screen": message.screen,
    }
    return _control(body)


def encode_output_ack(message: OutputAck) -> bytes:
    """Encode a client's acknowledgement."""
    body: Fields = {"type": "ack", "stdout": message.stdout, "stderr": message.stderr}
    if message.status:
        body["status"] = True
    return _control(body)


def encode_input_ack(message: InputAck) -> bytes:
    """Encode the server's acknowledgement."""
    return _control({"type": "ack", "stdin": message.stdin})


def encode_signal(signal: Signal) -> bytes:
    """Encode a request for a signal."""
    return _control({"type": "signal", "signal": signal.value})


def encode_failure(message: Failure) -> bytes:
    """Encode an error."""
    text, hint = _for_people(message.message), _for_people(message.hint)
    return _control({"type": "error", "code": message.code, "message": text, "hint": hint})


def encode_notice(message: Notice) -> bytes:
    """Encode a notice."""
    return _control({"type": "notice", "code": message.code, "message": _for_people(message.message)})


def encode_gap(message: Gap) -> bytes:
    """Encode where a viewer's output goes on."""
    return _control({"type": "gap", "stdout": message.stdout, "stderr": message.stderr})


def encode_role_request(role: Role) -> bytes:
    """Encode a client's wish to be something else."""
    return _control({"type": "role", "role": role.value})


def encode_role_change(message: RoleChange) -> bytes:
    """Encode what a client is from now on."""
    return _control({"type": "role", "role": message.role.value, "answers": message.answers})


def encode_detach() -> bytes:
    """Encode that the client leaves and the session stays."""
    return _control({"type": "detach"})


def encode_detached(message: Detached) -> bytes:
    """Encode the answer to it."""
    return _control({"type": "detached", "keep": message.keep})


def encode_waiting(message: WaitingForApproval) -> bytes:
    """Encode that a request waits for somebody to allow it."""
    return _control({"type": "waiting", "approval": message.approval, "seconds": message.seconds})


def encode_resize(size: TerminalSize) -> bytes:
    """Encode a change of size; it has a channel of its own."""
    return encode_frame(Channel.RESIZE, encode_object(encode_size(size)))


def encode_status(message: Status) -> bytes:
    """Encode how it ended; it has a channel of its own."""
    body: Fields = {"code": message.status.code, "stdout": message.stdout, "stderr": message.stderr}
    if message.status.is_lost:
        body |= {"reason": message.status.reason, "message": _for_people(message.message)}
    return encode_frame(Channel.STATUS, encode_object(body))


def decode_client_control(payload: bytes) -> ClientControl:
    """Decode a control message from a client. Raises `ProtocolError`."""
    body = decode_object(payload)
    kind = fields.text(body, "type")
    if kind == "open":
        return decode_open(body)
    if kind == "attach":
        return decode_attach(body)
    if kind == "join":
        return decode_join(body)
    if kind == "ack":
        stdout, stderr = fields.count(body, "stdout"), fields.count(body, "stderr")
        return OutputAck(stdout=stdout, stderr=stderr, status=fields.flag(body, "status"))
    if kind == "signal":
        name = fields.text(body, "signal")
        if name not in Signal.__members__:
            raise ProtocolError("this signal can't be sent")
        return SignalRequest(Signal[name])
    if kind == "role":
        fields.text(body, "role")  # not optional here
        return RoleRequest(decode_role(body, Role.VIEWER))
    if kind == "detach":
        return DetachRequest()
    raise ProtocolError("unknown control message")


def decode_server_control(payload: bytes) -> ServerControl:
    """Decode a control message from a server. Raises `ProtocolError`."""
    body = decode_object(payload)
    kind = fields.text(body, "type")
    if kind == "opened":
        return _decode_opened(body)
    if kind == "ack":
        return InputAck(stdin=fields.count(body, "stdin"))
    if kind == "error":
        return Failure(
            code=fields.text(body, "code"),
            message=fields.text(body, "message"),
            hint=fields.text(body, "hint", ""),
        )
    if kind == "notice":
        return Notice(code=fields.text(body, "code"), message=fields.text(body, "message"))
    if kind == "gap":
        return Gap(stdout=fields.count(body, "stdout"), stderr=fields.count(body, "stderr"))
    if kind == "role":
        fields.text(body, "role")
        return RoleChange(decode_role(body, Role.VIEWER), answers=fields.flag(body, "answers", default=True))
    if kind == "detached":
        return Detached(keep=fields.count(body, "keep"))
    if kind == "waiting":
        return WaitingForApproval(fields.text(body, "approval"), fields.count(body, "seconds"))
    raise ProtocolError("unknown control message")


def decode_resize(payload: bytes) -> TerminalSize:
    """Decode the payload of the resize channel. Raises `ProtocolError`."""
    return fields.size(decode_object(payload))


def decode_status(payload: bytes) -> Status:
    """Decode the payload of the status channel. Raises `ProtocolError`."""
    body = decode_object(payload)
    if "code" not in body:
        raise ProtocolError("a status must say how it ended")
    code = None if body["code"] is None else fields.count(body, "code", most=MAX_ENDED_CODE)
    reason, text = fields.text(body, "reason", ""), fields.text(body, "message", "")
    return Status(
        status=ExitStatus(code=code, reason=reason if code is None else ""),
        message=text if code is None else "",
        stdout=fields.count(body, "stdout"),
        stderr=fields.count(body, "stderr"),
    )


def _decode_opened(body: Fields) -> Opened:
    container, stdin, begin = (fields.child(body, name) for name in ("container", "stdin", "from"))
    return Opened(
        session=fields.text(body, "session"),
        container_id=fields.text(container, "id"),
        container_name=fields.text(container, "name"),
        stdin_window=fields.count(fields.child(body, "window"), "stdin"),
        keep=fields.count(body, "keep", 0),
        stdin=decode_progress(stdin),
        stdin_ended=fields.flag(stdin, "ended"),
        stdout=fields.count(begin, "stdout", 0),
        stderr=fields.count(begin, "stderr", 0),
        role=decode_role(body, Role.CONTROLLER),
        answers=fields.flag(body, "answers", default=True),
        joined=fields.flag(body, "joined"),
        replay=fields.count(body, "replay", 0),
        screen=fields.flag(body, "screen"),
    )


def _for_people(text: str) -> str:
    """Cut a text that may have come from another program, and replace what UTF-8 can't carry."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def _control(body: Fields) -> bytes:
    return encode_frame(Channel.CONTROL, encode_object(body))
