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
ATTACHMENT_DIGITS = 32
_HEX = frozenset("0123456789abcdef")


class Open(NamedTuple):
    """c→s, first: what to run where, and how much output the client takes before it acknowledges."""

    container: str
    spec: ExecSpec
    stdout_window: int
    stderr_window: int
    attachment: str = ""
    """An id that the client made up, to come back with: the session then outlives a connection that breaks. Sent
    again on another connection the request means the same session, and starts nothing twice."""


class Progress(NamedTuple):
    """How far a receiver is with a stream: offsets behind the last byte that came, and that was passed on."""

    received: int = 0
    consumed: int = 0


class Attach(NamedTuple):
    """c→s, first: come back to a session whose connection broke, and go on at these bytes."""

    attachment: str
    stdout: Progress
    stderr: Progress
    stdout_window: int
    stderr_window: int
    size: TerminalSize | None = None


class Opened(NamedTuple):
    """s→c: the command was accepted, or the client is back. From here on it may send input."""

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


ClientControl = Open | Attach | OutputAck | SignalRequest
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
    if message.attachment:
        body["attachment"] = message.attachment
    if spec.size is not None:
        body["size"] = encode_size(spec.size)
    return _control(body)


def encode_attach(message: Attach) -> bytes:
    """Encode the first message of a client that comes back."""
    body: Fields = {
        "type": "attach",
        "attachment": message.attachment,
        "stdout": message.stdout._asdict(),
        "stderr": message.stderr._asdict(),
        "window": {"stdout": message.stdout_window, "stderr": message.stderr_window},
    }
    if message.size is not None:
        body["size"] = encode_size(message.size)
    return _control(body)


def encode_opened(message: Opened) -> bytes:
    """Encode the answer to `open` and `attach`."""
    body: Fields = {
        "type": "opened",
        "session": message.session,
        "container": {"id": message.container_id, "name": _for_people(message.container_name)},
        "window": {"stdin": message.stdin_window},
    }
    if message.keep:
        body |= {
            "keep": message.keep,
            "stdin": message.stdin._asdict() | {"ended": message.stdin_ended},
            "from": {"stdout": message.stdout, "stderr": message.stderr},
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
    if kind == "attach":
        return _decode_attach(body)
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
    stdout, stderr = _decode_windows(body)
    attachment = _decode_attachment(body, "")
    return Open(container=container, spec=spec, stdout_window=stdout, stderr_window=stderr, attachment=attachment)


def _decode_attach(body: Fields) -> Attach:
    stdout, stderr = _decode_windows(body)
    return Attach(
        attachment=_decode_attachment(body, None),
        stdout=_decode_progress(fields.child(body, "stdout")),
        stderr=_decode_progress(fields.child(body, "stderr")),
        stdout_window=stdout,
        stderr_window=stderr,
        size=fields.optional_size(body, "size"),
    )


def _decode_opened(body: Fields) -> Opened:
    container, stdin, begin = (fields.child(body, name) for name in ("container", "stdin", "from"))
    return Opened(
        session=fields.text(body, "session"),
        container_id=fields.text(container, "id"),
        container_name=fields.text(container, "name"),
        stdin_window=fields.count(fields.child(body, "window"), "stdin"),
        keep=fields.count(body, "keep", 0),
        stdin=_decode_progress(stdin),
        stdin_ended=fields.flag(stdin, "ended"),
        stdout=fields.count(begin, "stdout", 0),
        stderr=fields.count(begin, "stderr", 0),
    )


def _decode_attachment(body: Fields, default: str | None) -> str:
    attachment = fields.text(body, "attachment", default)
    if attachment != default and not (len(attachment) == ATTACHMENT_DIGITS and set(attachment) <= _HEX):
        raise ProtocolError(f"an attachment is {ATTACHMENT_DIGITS} hexadecimal digits")
    return attachment


def _decode_progress(body: Fields) -> Progress:
    progress = Progress(fields.count(body, "received", 0), fields.count(body, "consumed", 0))
    if progress.consumed > progress.received:
        raise ProtocolError("more consumed than received", code="protocol.flow")
    return progress


def _decode_windows(body: Fields) -> tuple[int, int]:
    window = fields.child(body, "window")
    return fields.count(window, "stdout", most=MAX_WINDOW), fields.count(window, "stderr", most=MAX_WINDOW)


def _for_people(text: str) -> str:
    """Cut a text that may have come from another program, and replace what UTF-8 can't carry."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def _control(body: Fields) -> bytes:
    return encode_frame(Channel.CONTROL, encode_object(body))
