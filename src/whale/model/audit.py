"""What the audit trail is on disk: rows that are linked, and marks in them."""

from typing import NamedTuple


class AuditMark(NamedTuple):
    """A place in the trail: the number of an event, and the SHA-256 of its body in hexadecimal."""

    seq: int
    hash: str


NO_EVENT = AuditMark(0, "0" * 64)
"""The place before the first event."""


class AuditRow(NamedTuple):
    """One event. `body` is what counts and what is hashed; all else was taken out of it to be searched."""

    seq: int
    at: int
    """Microseconds since 1970."""
    kind: str
    principal: str
    action: str
    container: str
    container_id: str
    session: str
    body: str


class AuditQuery(NamedTuple):
    """What is searched for; what is empty fits everything."""

    principal: str = ""
    container: str = ""
    """A name, an id, or the beginning of an id."""
    action: str = ""
    kind: str = ""
    session: str = ""
    text: str = ""
    """Anywhere in the event, whatever the case of its letters."""
    since: int | None = None
    """Microseconds since 1970, inclusive."""
    until: int | None = None
    """Exclusive."""
    before: int | None = None
    """Only events with lower numbers: the next page."""
    limit: int = 100
