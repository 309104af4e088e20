"""What the audit trail says of a recording, found in the trail and checked there.

From the event that began the session, or the first one that is needed, the chain is followed to its newest event: who
changed one of them has to have computed all the rest anew, too.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from whale.audit.chain import TrailBroken, Verifier
from whale.audit.event import Kind, decode_event
from whale.model.audit import AuditMark, AuditQuery, AuditRow
from whale.model.errors import WhaleError
from whale.model.recording_proof import RecordingProof, Sealed
from whale.model.turns import Turns

MAX_FOLLOWED: Final = 100_000
"""Events that the chain is followed for somebody who waits: some seconds."""

MAX_SEALS: Final = 10_000
"""Events of one recording with a hash in them. They are a minute apart, and 2 MiB."""

HEAD: Final = "head"


class Snapshot(Protocol):
    """The trail at one moment."""

    async def mark(self, name: str) -> AuditMark: ...
    async def search(self, query: AuditQuery) -> Sequence[AuditRow]: ...
    def rows(self, *, after: int) -> AsyncIterator[AuditRow]: ...


class ProofTrail(Protocol):
    """The table of the trail: `whale.store.audit` has the real one. Raises `WhaleError`."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Look at it as it is at one moment."""
        ...


async def prove(trail: ProofTrail, id: str, *, most: int = MAX_FOLLOWED) -> RecordingProof:
    """Say what the trail has of one, having checked that. Raises `WhaleError` when it can't be read."""
    async with trail.snapshot() as snapshot:
        opened, anchored, finished = [await _oldest_first(snapshot, id, kind) for kind in _KINDS]
        proof = RecordingProof(is_begun=bool(opened))
        # Of several each counts: whoever can write the database can add one at the end, too.
        first = min((rows[0] for rows in (opened, anchored, finished) if rows), default=None)
        if first is None:
            return proof
        if len(anchored) + len(finished) > MAX_SEALS:
            return proof._replace(problem=f"more than {MAX_SEALS} events have a hash of this recording")
        try:
            proof = proof._replace(anchored=_sealed(anchored), finished=_sealed(finished))
            last = await _followed(snapshot, first, most)
        except TrailBroken as broken:
            return proof._replace(problem=broken.message)
    return proof._replace(seq=last.seq, head=last.hash)


async def _oldest_first(snapshot: Snapshot, id: str, kind: Kind) -> list[AuditRow]:
    return [*reversed(await snapshot.search(AuditQuery(session=id, kind=kind.value, limit=MAX_SEALS + 1)))]


async def _followed(snapshot: Snapshot, first: AuditRow, most: int) -> AuditMark:
    """Follow the chain from one event on; return how far. Raises `TrailBroken`."""
    verifier, turns = Verifier.starting_at(first), Turns()
    async for row in snapshot.rows(after=first.seq - 1):
        verifier.check(row)
        if row.seq - first.seq + 1 >= most:
            return verifier.last
        await turns.give()
    verifier.check_head(await snapshot.mark(HEAD))
    return verifier.last


def _sealed(rows: Sequence[AuditRow]) -> tuple[Sealed, ...]:
    found = []
    for row in rows:
        try:
            event = decode_event(row.body)
        except WhaleError:
            raise TrailBroken(row.seq, "was changed: it is no event any more") from None
        found.append(Sealed(row.seq, event.hash, event.count or 0))
    return tuple(found)


_KINDS: Final = (Kind.OPENED, Kind.RECORDING_ANCHORED, Kind.RECORDING_FINISHED)
