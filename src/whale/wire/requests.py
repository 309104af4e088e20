"""The first message of a client (PROTOCOL.md 4.1, 4.8, 4.9): what it asks for, as values, and their JSON."""

from typing import NamedTuple

from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_COMMAND_ARGS, MAX_ENV_VARS, MAX_WINDOW
from whale.model.names import MAX_NAME, is_name
from whale.model.purpose import MAX_PURPOSE, is_purpose
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire import fields
from whale.wire.fields import Fields, encode_object
from whale.wire.frames import Channel, encode_frame

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
    name: str = ""
    """A name for the session. Where the client's user has a session of that name already, it is joined instead."""
    reason: str = ""
    """Why, in the user's words."""


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
    screen: bool = False
    """Whether the session's picture is wanted behind the output that was missed."""


class Join(NamedTuple):
    """c→s, first: attach to a session that somebody else, or the same user elsewhere, has begun."""

    session: str
    """Its id, a unique prefix of it, or its name."""
    role: Role
    attachment: str
    stdout_window: int
    stderr_window: int
    size: TerminalSize | None = None
    reason: str = ""
    """Why, in the user's words."""


Request = Open | Attach | Join


def encode_open(message: Open) -> bytes:
    """Encode the request for a command. Raises `UnicodeEncodeError` for text that UTF-8 can't carry."""
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
    if message.name:
        body["name"] = message.name
    if message.reason:
        body["reason"] = message.reason
    return _encode(body, spec.size)


def encode_attach(message: Attach) -> bytes:
    """Encode the first message of a client that comes back."""
    body: Fields = {
        "type": "attach",
        "attachment": message.attachment,
        "stdout": message.stdout._asdict(),
        "stderr": message.stderr._asdict(),
        "window": {"stdout": message.stdout_window, "stderr": message.stderr_window},
    }
    if message.screen:
        body["screen"] = True
    return _encode(body, message.size)


def encode_join(message: Join) -> bytes:
    """Encode the first message of a client that joins."""
    body: Fields = {
        "type": "join",
        "session": message.session,
        "role": message.role.value,
        "attachment": message.attachment,
        "window": {"stdout": message.stdout_window, "stderr": message.stderr_window},
    }
    if message.reason:
        body["reason"] = message.reason
    return _encode(body, message.size)


def encode_size(size: TerminalSize) -> Fields:
    """Make the JSON form of a terminal size."""
    return {"cols": size.cols, "rows": size.rows}


def decode_open(body: Fields) -> Open:
    """Read an `open`. Raises `ProtocolError`, as all of these."""
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
    name = fields.text(body, "name", "")
    if name and not is_name(name):
        raise ProtocolError(f"a session's name is letters, digits and _.-, at most {MAX_NAME}")
    return Open(
        container, spec, stdout, stderr, attachment=_decode_attachment(body, ""), name=name, reason=_decode_reason(body)
    )


def decode_attach(body: Fields) -> Attach:
    """Read an `attach`."""
    stdout, stderr = _decode_windows(body)
    return Attach(
        attachment=_decode_attachment(body, None),
        stdout=decode_progress(fields.child(body, "stdout")),
        stderr=decode_progress(fields.child(body, "stderr")),
        stdout_window=stdout,
        stderr_window=stderr,
        size=fields.optional_size(body, "size"),
        screen=fields.flag(body, "screen"),
    )


def decode_join(body: Fields) -> Join:
    """Read a `join`."""
    session = fields.text(body, "session")
    if not is_name(session):
        raise ProtocolError("this can't be the id or the name of a session")
    stdout, stderr = _decode_windows(body)
    return Join(
        session=session,
        role=decode_role(body, Role.CONTROLLER),
        attachment=_decode_attachment(body, None),
        stdout_window=stdout,
        stderr_window=stderr,
        size=fields.optional_size(body, "size"),
        reason=_decode_reason(body),
    )


def decode_role(body: Fields, default: Role) -> Role:
    """Read a role."""
    name = fields.text(body, "role", default.value)
    try:
        return Role(name)
    except ValueError:
        raise ProtocolError("unknown role") from None


def decode_progress(body: Fields) -> Progress:
    """Read how far a receiver is."""
    progress = Progress(fields.count(body, "received", 0), fields.count(body, "consumed", 0))
    if progress.consumed > progress.received:
        raise ProtocolError("more consumed than received", code="protocol.flow")
    return progress


def _decode_attachment(body: Fields, default: str | None) -> str:
    attachment = fields.text(body, "attachment", default)
    if attachment != default and not (len(attachment) == ATTACHMENT_DIGITS and set(attachment) <= _HEX):
        raise ProtocolError(f"an attachment is {ATTACHMENT_DIGITS} hexadecimal digits")
    return attachment


def _decode_reason(body: Fields) -> str:
    reason = fields.text(body, "reason", "")
    if not is_purpose(reason):
        raise ProtocolError(f"a reason is one line of at most {MAX_PURPOSE} characters")
    return reason


def _decode_windows(body: Fields) -> tuple[int, int]:
    window = fields.child(body, "window")
    return fields.count(window, "stdout", most=MAX_WINDOW), fields.count(window, "stderr", most=MAX_WINDOW)


def _encode(body: Fields, size: TerminalSize | None) -> bytes:
    if size is not None:
        body["size"] = encode_size(size)
    return encode_frame(Channel.CONTROL, encode_object(body))
