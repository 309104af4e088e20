"""The control messages of PROTOCOL.md section 4, as values, and their JSON."""

from typing import NamedTuple

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.limits import MAX_COMMAND_ARGS, MAX_ENV_VARS, MAX_TEXT, MAX_WINDOW
from whale.model.terminal import TerminalSize
from whale.wire import fields
from whale.wire.fields import Fields, decode_object, encode_object
from whale.wire.frames import Channel, encode_frame

MAX_ENDED_CODE = 255


class Open(NamedTuple):
    """c→s, first: what to run where, and how much output the client takes before it acknowledges."""

    container: str
    spec: ExecSpec
    stdout_window: int
    stderr_window: int


class Opened(NamedTuple):
    """s→c: the command was accepted. From here on the client may send input."""

    session: str
    container_id: str
    container_name: str
    stdin_window: int


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


class Status(NamedTuple):
    """s→c, once, last: how the command ended, and how many bytes of each stream there were in all."""

    status: ExitStatus
    message: str
    stdout: int
    stderr: int


ClientControl = Open | OutputAck | SignalRequest
ServerControl = Opened | InputAck | Failure | Notice


def encode_open(message: Open) -> bytes:
    """Encode the first message of a client. Raises `UnicodeEncodeError` for text that UTF-8 can't carry."""
    spec = message.spec
    body: Fields = {
        "type": "open",
        "container": message.container,
        "command": list(spec.command),
        "tty": spec.tty,
        "stdin": spec.stdin,
        "user": spec.user,
        "env": dict(spec.env),
        "workdir": spec.workdir,
        "privileged": spec.privileged,
        "window": {"stdout": message.stdout_window, "stderr": message.stderr_window},
    }
    if spec.size is not None:
        body["size"] = encode_size(spec.size)
    return _control(body)


def encode_opened(message: Opened) -> bytes:
    """Encode the answer to `open`."""
    container = {"id": message.container_id, "name": _for_people(message.container_name)}
    window = {"stdin": message.stdin_window}
    return _control({"type": "opened", "session": message.session, "container": container, "window": window})


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


def encode_resize(size: TerminalSize) -> bytes:
    """Encode a change of size; it has a channel of its own."""
    return encode_frame(Channel.RESIZE, encode_object(encode_size(size)))


def encode_status(message: Status) -> bytes:
    """Encode how it ended; it has a channel of its own."""
    body: Fields = {"code": message.status.code, "stdout": message.stdout, "stderr": message.stderr}
    if message.status.is_lost:
        body |= {"reason": message.status.reason, "message": _for_people(message.message)}
    return encode_frame(Channel.STATUS, encode_object(body))


def encode_size(size: TerminalSize) -> Fields:
    """Make the JSON form of a terminal size."""
    return {"cols": size.cols, "rows": size.rows}


def decode_client_control(payload: bytes) -> ClientControl:
    """Decode a control message from a client. Raises `ProtocolError`."""
    body = decode_object(payload)
    kind = fields.text(body, "type")
    if kind == "open":
        return _decode_open(body)
    if kind == "ack":
        stdout, stderr = fields.count(body, "stdout"), fields.count(body, "stderr")
        return OutputAck(stdout=stdout, stderr=stderr, status=fields.flag(body, "status"))
    if kind == "signal":
        name = fields.text(body, "signal")
        if name not in Signal.__members__:
            raise ProtocolError("this signal can't be sent")
        return SignalRequest(Signal[name])
    raise ProtocolError("unknown control message")


def decode_server_control(payload: bytes) -> ServerControl:
    """Decode a control message from a server. Raises `ProtocolError`."""
    body = decode_object(payload)
    kind = fields.text(body, "type")
    if kind == "opened":
        container = fields.child(body, "container")
        return Opened(
            session=fields.text(body, "session"),
            container_id=fields.text(container, "id"),
            container_name=fields.text(container, "name"),
            stdin_window=fields.count(fields.child(body, "window"), "stdin"),
        )
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


def _decode_open(body: Fields) -> Open:
    window = fields.child(body, "window")
    container = fields.text(body, "container")
    if not container:
        raise ProtocolError("an open must name a container")
    spec = ExecSpec(
        command=fields.texts(body, "command", most=MAX_COMMAND_ARGS),
        tty=fields.flag(body, "tty"),
        stdin=fields.flag(body, "stdin"),
        user=fields.text(body, "user", ""),
        env=fields.pairs(body, "env", most=MAX_ENV_VARS),
        workdir=fields.text(body, "workdir", ""),
        privileged=fields.flag(body, "privileged"),
        size=fields.optional_size(body, "size"),
    )
    return Open(
        container=container,
        spec=spec,
        stdout_window=fields.count(window, "stdout", most=MAX_WINDOW),
        stderr_window=fields.count(window, "stderr", most=MAX_WINDOW),
    )


def _for_people(text: str) -> str:
    """Cut a text that may have come from another program, and replace what UTF-8 can't carry."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def _control(body: Fields) -> bytes:
    return encode_frame(Channel.CONTROL, encode_object(body))
