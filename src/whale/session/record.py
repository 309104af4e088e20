"""What is written down of a session beside its output, so that a later server can go on with it."""

from typing import TYPE_CHECKING

import msgspec

from whale.model.container import Container
from whale.model.errors import SessionError, WhaleError
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.ids import SessionId
from whale.model.principal import Decision, Principal
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment

if TYPE_CHECKING:
    from whale.session.session import Session


class AttachmentRecord(msgspec.Struct, frozen=True):
    """A client that may come back. Those without a key can't."""

    principal: Principal
    role: Role
    key: str
    size: TerminalSize | None
    source: int
    input_base: int
    has_joined: bool
    since: float


class FailureRecord(msgspec.Struct, frozen=True):
    """Why a session failed."""

    code: str
    message: str
    hint: str


class SessionRecord(msgspec.Struct, frozen=True):
    """A session that runs, or has ended and whose end somebody may still ask for."""

    id: SessionId
    name: str
    container: Container
    spec: ExecSpec
    decision: Decision
    window: int
    started: float
    exec: bytes
    """What the engine needs to go on with the exec; empty when it has ended."""
    written: list[int]
    """Bytes of input taken from each writer, when it has ended; while it runs the exec knows."""
    ends: list[int]
    """Ends of the logs, likewise."""
    is_over: bool
    status: ExitStatus | None
    failure: FailureRecord | None
    size: TerminalSize | None
    saved_size: TerminalSize | None
    changes: list[tuple[int, TerminalSize]]
    is_detached: bool
    attachments: list[AttachmentRecord]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SessionRecord)


def encode_record(session: "Session") -> bytes:
    """Write down what a session is now."""
    failure = session.failure
    picture = session.picture
    return _encoder.encode(
        SessionRecord(
            id=session.id,
            name=session.name,
            container=session.container,
            spec=session.spec,
            decision=session.decision._replace(principal=_written(session.decision.principal)),
            window=max(log.window for log in session.logs.values()),
            started=session.started,
            exec=session.exec.describe() if session.exec is not None and not session.is_over else b"",
            written=[session.written(source) for source in range(session.sources)],
            ends=[log.end for log in session.logs.values()],
            is_over=session.is_over,
            status=session.status,
            failure=FailureRecord(failure.code, failure.message, failure.hint) if failure is not None else None,
            size=session.size,
            saved_size=picture.saved_size if picture is not None else None,
            changes=list(picture.changes) if picture is not None else [],
            is_detached=session.attendance.is_detached,
            attachments=[
                AttachmentRecord(
                    principal=_written(member.principal),
                    role=member.role,
                    key=member.key,
                    size=member.size,
                    source=member.source,
                    input_base=member.input_base,
                    has_joined=member.has_joined,
                    since=member.since,
                )
                for member in session.audience.members
                if member.key
            ],
        )
    )


def _written(principal: Principal) -> Principal:
    """Groups are read from the token table, which knows those of today; no scope forbids later what it has allowed."""
    return principal._replace(groups=(), scope=None)


def decode_record(data: bytes) -> SessionRecord:
    """Read what an earlier server wrote. Raises `SessionError` for what makes no sense."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise SessionError("what is written down of a session can't be read", detail=str(error)) from error


def failure_of(record: SessionRecord) -> WhaleError | None:
    """Make the failure of a session again."""
    failure = record.failure
    return WhaleError(failure.message, code=failure.code, hint=failure.hint) if failure is not None else None


def attachments_of(record: SessionRecord, session: "Session") -> list[Attachment]:
    """Make those again who may come back, at the oldest byte still held."""
    made = []
    for known in record.attachments:
        attachment = Attachment(
            session,
            principal=known.principal,
            role=known.role,
            key=known.key,
            cursors={stream: log.start for stream, log in session.logs.items()},
            size=known.size,
            source=known.source,
            input_base=known.input_base,
        )
        attachment.has_joined, attachment.since = known.has_joined, known.since
        made.append(attachment)
    return made
