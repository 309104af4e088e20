"""The chain: each event holds the hash of the one before, and marks hold both of its ends. Pure.

What it finds: any event that was edited, taken out, put in or moved, and events that are missing at either end. What
it can't find is a trail that somebody who can write the database has computed anew from some event on; a hash that was
noted elsewhere, or what a sink has, shows that.
"""

from collections.abc import Sequence

import msgspec

from whale.audit.event import AuditEvent, Kind, decode_event, hash_of, mark_of, row_of
from whale.model.audit import NO_EVENT, AuditMark, AuditRow
from whale.model.errors import WhaleError


def link(events: Sequence[AuditEvent], *, after: AuditMark) -> list[AuditRow]:
    """Number events and tie each to the one before it."""
    rows: list[AuditRow] = []
    head = after
    for event in events:
        row = row_of(msgspec.structs.replace(event, seq=head.seq + 1, previous=head.hash))
        head = mark_of(row)
        rows.append(row)
    return rows


class TrailBroken(WhaleError):
    """The trail was tampered with, or damaged. `seq` is the number of the first event that is wrong or missing."""

    default_code = "audit.broken"

    def __init__(self, seq: int, problem: str) -> None:
        super().__init__(
            f"event {seq} {problem}",
            hint="all before it is as it was written; compare the rest with what a sink has",
        )
        self.seq = seq


class Verifier:
    """Is fed the rows of a trail in their order, and told of its head at the end."""

    def __init__(self, *, anchor: AuditMark = NO_EVENT) -> None:
        """`anchor`: the last event that was deleted for its age."""
        self.last = anchor
        self._anchor = anchor
        self._pruned = NO_EVENT
        """What the newest event about a deletion says."""

    @classmethod
    def starting_at(cls, row: AuditRow) -> "Verifier":
        """Make one that is fed a row in the middle first, and trusts what is before. Raises `TrailBroken`."""
        return cls(anchor=AuditMark(row.seq - 1, _read(row).previous))

    def check(self, row: AuditRow) -> None:
        """Check one row. Raises `TrailBroken`."""
        expected = self.last.seq + 1
        if row.seq != expected:
            raise TrailBroken(expected, "is missing" if row.seq > expected else "is there twice")
        event = _read(row)
        if event.previous != self.last.hash:
            # Which of the two was changed can't be known from them alone: the link says only that they do not fit.
            raise TrailBroken(row.seq, "does not follow from the event before it: one of the two was changed")
        if event.kind is Kind.PRUNED and event.through is not None:
            self._pruned = AuditMark(event.through, event.hash)
        self.last = AuditMark(row.seq, hash_of(row.body))

    def finish(self, head: AuditMark) -> None:
        """Check the ends. Raises `TrailBroken`."""
        self.check_head(head)
        if self._anchor != self._pruned:
            raise TrailBroken(
                self._anchor.seq, "and those before it are missing, and no event says that they were deleted"
            )

    def check_head(self, head: AuditMark) -> None:
        """Check that nothing is missing, or was added, behind what was fed. Raises `TrailBroken`."""
        if head.seq > self.last.seq:
            raise TrailBroken(self.last.seq + 1, "is missing, at the end")
        if head.seq < self.last.seq:
            raise TrailBroken(head.seq + 1, "was added")
        if head.hash != self.last.hash:
            raise TrailBroken(head.seq, "was changed")


def _read(row: AuditRow) -> AuditEvent:
    try:
        event = decode_event(row.body)
        same = row_of(event) == row
    except (WhaleError, ValueError):
        raise TrailBroken(row.seq, "was changed: it is no event any more") from None
    if not same:
        raise TrailBroken(row.seq, "was changed: it is not what it was written as")
    return event
