"""The one event of the audit trail, and its canonical form.

That form is what is stored, hashed, sent to every sink and read by people: one line of JSON. The hash of an event is
the SHA-256 of its line, and the next line holds it, so that a copy of the lines proves itself.
"""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from whale.model.audit import AuditMark, AuditRow
from whale.model.errors import WhaleError


class Kind(StrEnum):
    """What happened. docs/audit.md lists all; a test keeps the two equal."""

    AUTH_REFUSED = "auth.refused"
    TICKET_ISSUED = "ticket.issued"
    TICKET_USED = "ticket.used"
    ALLOWED = "access.allowed"
    DENIED = "access.denied"
    FAILED = "request.failed"
    OPENED = "session.opened"
    ATTACHED = "session.attached"
    RESUMED = "session.resumed"
    DETACHED = "session.detached"
    LOST = "session.lost"
    ROLE = "session.role"
    KILLED = "session.killed"
    REVOKED = "session.revoked"
    ADOPTED = "session.adopted"
    ENDED = "session.ended"
    APPROVAL_ASKED = "approval.asked"
    APPROVAL_ALLOWED = "approval.allowed"
    APPROVAL_DENIED = "approval.denied"
    APPROVAL_LAPSED = "approval.lapsed"
    APPROVAL_ENDED = "approval.ended"
    RECORDING_ANCHORED = "recording.anchored"
    RECORDING_FINISHED = "recording.finished"
    RECORDING_FAILED = "recording.failed"
    RECORDING_READ = "recording.read"
    RECORDING_SEARCHED = "recording.searched"
    RECORDING_DELETED = "recording.deleted"
    RECORDING_HELD = "recording.held"
    RECORDING_RELEASED = "recording.released"
    RECORDING_LABELLED = "recording.labelled"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    TOKEN_GROUPS = "token.groups"  # noqa: S105
    EXCHANGED = "token.exchanged"
    EXCHANGE_REFUSED = "exchange.refused"
    FEDERATION_LOADED = "federation.loaded"
    FEDERATION_REFUSED = "federation.refused"
    POLICY_LOADED = "policy.loaded"
    POLICY_REFUSED = "policy.refused"
    RESTORED = "store.restored"
    CERTIFICATE_LOADED = "certificate.loaded"
    CERTIFICATE_REFUSED = "certificate.refused"
    CERTIFICATE_ISSUED = "certificate.issued"
    AUTHORITY_CREATED = "authority.created"
    USER_ADDED = "user.added"
    USER_LINK = "user.link"
    USER_GROUPS = "user.groups"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_REMOVED = "user.removed"
    LOGIN = "login.begun"
    LOGIN_REFUSED = "login.refused"
    LOGIN_REUSED = "login.reused"
    LOGIN_DISPLACED = "login.displaced"
    LOGOUT = "login.ended"
    STARTED = "server.started"
    STOPPED = "server.stopped"
    MISSED = "audit.missed"
    SKIPPED = "audit.skipped"
    PRUNED = "audit.pruned"


MEANINGS: Final = {
    Kind.AUTH_REFUSED: "a credential was missing, wrong, expired or revoked, or could not be checked",
    Kind.TICKET_ISSUED: "somebody asked for a ticket, which stands in for the credential once",
    Kind.TICKET_USED: "somebody was let in with a ticket",
    Kind.ALLOWED: "the policy allowed something that begins no session",
    Kind.DENIED: "the policy said no",
    Kind.FAILED: "what was asked for came to nothing before anything was decided: no such container, say",
    Kind.OPENED: "a shell or a command is allowed and about to start; written before it does",
    Kind.ATTACHED: "somebody has joined a session that was there",
    Kind.RESUMED: "a client came back after its connection broke",
    Kind.DETACHED: "a client left, and the session goes on",
    Kind.LOST: "a client's connection broke, and the session waits for it",
    Kind.ROLE: "a client took the keyboard or gave it away",
    Kind.KILLED: "somebody ended a session",
    Kind.REVOKED: "a credential or a right is good no more, and this session, place in one, log or recording ends",
    Kind.ADOPTED: "a server goes on with a session of an earlier one",
    Kind.ENDED: "a session is over: its status or why there is none, and its bytes",
    Kind.APPROVAL_ASKED: "somebody asks for what needs an approval, and waits",
    Kind.APPROVAL_ALLOWED: "somebody else has allowed it, until a time",
    Kind.APPROVAL_DENIED: "somebody has denied it, or has ended what was allowed",
    Kind.APPROVAL_LAPSED: "nobody waits for it any more: it was not decided in time, or who asked has left",
    Kind.APPROVAL_ENDED: "the time that it was allowed for is over",
    Kind.RECORDING_ANCHORED: "a part of a recording is whole, and this is its hash",
    Kind.RECORDING_FINISHED: "a recording is whole, and this is the hash of its last part, which stands for all",
    Kind.RECORDING_FAILED: "a session can't be recorded; the reason says what becomes of it",
    Kind.RECORDING_READ: "somebody was given a recording, or a part of it, to look at",
    Kind.RECORDING_SEARCHED: "somebody searched in recordings: for what, masked, and how many lines they were shown",
    Kind.RECORDING_DELETED: "somebody deletes a recording; written before it is done",
    Kind.RECORDING_HELD: "somebody puts a recording under a hold: nobody deletes it; written before it is done",
    Kind.RECORDING_RELEASED: "somebody takes a hold from a recording; written before it is done",
    Kind.RECORDING_LABELLED: "somebody says by which label a recording is kept, or by none; written before it is done",
    Kind.TOKEN_CREATED: "an operator made a token",
    Kind.TOKEN_REVOKED: "an operator revoked a token",
    Kind.TOKEN_GROUPS: "an operator put a token in other groups",
    Kind.EXCHANGED: "a job's own token was exchanged for one of this server, by the rule that `principal` names",
    Kind.EXCHANGE_REFUSED: "a job's token was not exchanged; `code` and `reason` say why",
    Kind.FEDERATION_LOADED: "a server has these federation rules in force from now on, and no others",
    Kind.FEDERATION_REFUSED: "a change of the federation rules is wrong, and those that were in force stay",
    Kind.POLICY_LOADED: "a server has these policies in force from now on: at its start, and after a change",
    Kind.POLICY_REFUSED: "a change of the policies is wrong, and those that were in force stay",
    Kind.RESTORED: "an operator put a backup in place of the database; its newest event is the one with this number",
    Kind.CERTIFICATE_LOADED: "the server has another TLS certificate from now on",
    Kind.CERTIFICATE_REFUSED: "a new TLS certificate can't be used, and the last good one stays",
    Kind.CERTIFICATE_ISSUED: "an operator had the server's authority sign a certificate",
    Kind.AUTHORITY_CREATED: "an operator made the server's authority",
    Kind.USER_ADDED: "an operator added a person",
    Kind.USER_LINK: "an operator made an enrolment link for a person",
    Kind.USER_GROUPS: "an operator put a person in other groups",
    Kind.USER_DISABLED: "an operator disabled a person, and all their logins have ended",
    Kind.USER_ENABLED: "an operator enabled a person again",
    Kind.USER_REMOVED: "an operator removed a person",
    Kind.LOGIN: "somebody logged in; `reason` says by what",
    Kind.LOGIN_REFUSED: "a login with the identity provider came to nothing; `code` says why",
    Kind.LOGIN_REUSED: "a refresh token was used a second time, and its login has ended",
    Kind.LOGIN_DISPLACED: "a login ended because its person has begun too many others; it was not used for longest",
    Kind.LOGOUT: "somebody logged out",
    Kind.STARTED: "a server listens",
    Kind.STOPPED: "a server was told to stop, and does",
    Kind.MISSED: "so many events before this one could not be written",
    Kind.SKIPPED: "so many events were not sent to a sink that was down for too long",
    Kind.PRUNED: "the events up to this number were deleted because they were too old",
}


class Place(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The container that an event is about, as it was then."""

    id: str
    name: str
    image: str = ""
    engine: str = ""
    labels: dict[str, str] = {}


class AuditEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event. What does not apply is left out."""

    seq: Annotated[int, Meta(description="number of the event; one more than that of the event before")] = 0
    time: Annotated[str, Meta(description="when, in UTC, to the microsecond")]
    kind: Annotated[Kind, Meta(description="what happened")]
    previous: Annotated[str, Meta(description="SHA-256 of the line before this one; zeros for the first")] = ""
    principal: Annotated[str, Meta(description="who: the name of a person or of a token")] = ""
    token: Annotated[str, Meta(description="the public id of the token, or of the person's login")] = ""
    source: Annotated[str, Meta(description="address the request came from, as this server sees it")] = ""
    action: Annotated[str, Meta(description="what was asked for, in the policy's words")] = ""
    reason: Annotated[
        str, Meta(description="why the policy decided so, by what somebody logged in; what is wrong with policies, say")
    ] = ""
    purpose: Annotated[str, Meta(description="why it was asked for: the reason that was given, masked")] = ""
    policies: Annotated[tuple[str, ...], Meta(description="ids of the policies that made the decision")] = ()
    target: Annotated[str, Meta(description="what was named where nothing was found by it")] = ""
    container: Annotated[Place | None, Meta(description="id, name, image, engine and labels")] = None
    session: Annotated[str, Meta(description="id of the session, which is also that of its recording")] = ""
    name: Annotated[
        str, Meta(description="name of the session, or of whom or what an operator dealt with; a recording's label")
    ] = ""
    issuer: Annotated[str, Meta(description="who has issued the job's token")] = ""
    subject: Annotated[str, Meta(description="whom that token is about, in its issuer's words")] = ""
    fingerprint: Annotated[str, Meta(description="SHA-256 of the certificate, or of the one that stays")] = ""
    groups: Annotated[tuple[str, ...], Meta(description="groups from then on")] = ()
    scope: Annotated[str, Meta(description="what the token may be used for at most")] = ""
    owner: Annotated[str, Meta(description="who began the session, where that is somebody else")] = ""
    role: Annotated[str, Meta(description="controller or viewer")] = ""
    command: Annotated[tuple[str, ...], Meta(description="the command, masked; left out for a login shell")] = ()
    env: Annotated[tuple[str, ...], Meta(description="NAME=value of variables that the client set, masked")] = ()
    user: Annotated[str, Meta(description="the user inside the container that was asked for")] = ""
    workdir: Annotated[str, Meta(description="the working directory that was asked for")] = ""
    tty: Annotated[bool | None, Meta(description="with a terminal")] = None
    privileged: Annotated[bool, Meta(description="a privileged exec")] = False
    status: Annotated[int | None, Meta(description="exit status of the command")] = None
    code: Annotated[str, Meta(description="error code of what went wrong")] = ""
    bytes_in: Annotated[int | None, Meta(description="bytes of input the session took")] = None
    bytes_out: Annotated[int | None, Meta(description="bytes of output it wrote")] = None
    seconds: Annotated[float | None, Meta(description="how long it lived")] = None
    count: Annotated[
        int | None,
        Meta(description="how many events, or policies; of a list, how many containers or recordings it had"),
    ] = None
    approval: Annotated[str, Meta(description="id of the approval that is meant, or by which it is allowed")] = ""
    until: Annotated[str, Meta(description="until when it waits or is allowed, in UTC")] = ""
    through: Annotated[int | None, Meta(description="number of the last event that is meant")] = None
    hash: Annotated[
        str, Meta(description="SHA-256 of that event's line, or of the last chunk of the recording that is deleted")
    ] = ""
    sink: Annotated[str, Meta(description="the sink that is meant")] = ""


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(AuditEvent)


def timestamp(seconds: float) -> str:
    """Write a time as events hold it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def microseconds(time: str) -> int:
    """Read what `timestamp` wrote. Raises `ValueError`."""
    since = datetime.fromisoformat(time) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def encode_event(event: AuditEvent) -> str:
    """Write an event in its canonical form."""
    return _encoder.encode(event).decode()


def as_written(text: str) -> str:
    """Write a text as it stands inside an event's line: what people search for."""
    return msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()[1:-1]


def decode_event(body: str) -> AuditEvent:
    """Read an event. Raises `WhaleError` (server.database) for what is none."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise WhaleError("an audit event can't be read", code="server.database", detail=str(error)) from error


def hash_of(body: str) -> str:
    """Hash an event's line."""
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def row_of(event: AuditEvent) -> AuditRow:
    """Make the row of an event that has its number and its link."""
    place = event.container
    return AuditRow(
        seq=event.seq,
        at=microseconds(event.time),
        kind=event.kind.value,
        principal=event.principal,
        action=event.action,
        container=place.name if place is not None else "",
        container_id=place.id if place is not None else "",
        session=event.session,
        body=encode_event(event),
    )


def mark_of(row: AuditRow) -> AuditMark:
    """Say where in the trail a row is."""
    return AuditMark(row.seq, hash_of(row.body))
