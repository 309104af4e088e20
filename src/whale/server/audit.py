"""The audit trail beside a running server, or without one: what operators do, and what they ask of it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog

from whale.audit.chain import TrailBroken, Verifier, link
from whale.audit.event import AuditEvent, Kind, as_written, decode_event, mark_of, timestamp
from whale.audit.recorder import Recorder
from whale.broker.trail import Trail
from whale.model.audit import AuditMark, AuditQuery
from whale.model.errors import WhaleError
from whale.server.config_model import Config
from whale.session.session import Session
from whale.store.audit import ANCHOR, HEAD, AuditTable
from whale.store.database import Database
from whale.store.place import StorePlace

_log = structlog.get_logger("whale.server")

FOLLOW_INTERVAL: Final = 0.5
"""Seconds between two looks for new events."""


@asynccontextmanager
async def audit_table(place: StorePlace) -> AsyncIterator[AuditTable]:
    """Open the trail. Raises `WhaleError` when the database can't be used."""
    database = await Database.open(place)
    try:
        yield AuditTable(database)
    finally:
        await database.aclose()


@asynccontextmanager
async def trail_of(config: Config) -> AsyncIterator[Trail]:
    """A trail that is written, for what is done without a server."""
    async with audit_table(config.store_place) as table:
        recorder = Recorder(table, on_failure=config.audit.on_failure)
        async with recorder.running():
            yield Trail(recorder)


async def note_unseen(table: AuditTable, trail: Trail, *, left: Mapping[str, Session | None], through: int) -> None:
    """Note the end of sessions that earlier servers began, where that is in no event.

    `left` are those that they left, by id: None for one that goes on here, and the session for one that is over.
    """
    try:
        begun = await table.without(Kind.ENDED.value, begun=Kind.OPENED.value, through=through)
        for row in begun:
            session = left.get(row.session)
            if session is not None:
                trail.session_ended(session)
            elif row.session not in left:
                trail.unseen(decode_event(row.body))
    except WhaleError as error:
        _log.warning("audit.ends_not_noted", error=str(error))


async def note_operator(
    place: StorePlace,
    kind: Kind,
    *,
    name: str = "",
    token: str = "",
    groups: tuple[str, ...] = (),
    scope: str = "",
    fingerprint: str = "",
) -> None:
    """Write that an operator did something. Raises `WhaleError`."""
    event = AuditEvent(
        time=timestamp(time.time()),
        kind=kind,
        source=f"local uid {os.getuid()}",
        name=name,
        token=token,
        groups=groups,
        fingerprint=fingerprint,
        scope=scope,
    )
    await note(place, event)


async def note(place: StorePlace, event: AuditEvent) -> None:
    """Add one event to the trail. Raises `WhaleError`."""
    async with audit_table(place) as table:
        await table.append(lambda head: link([event], after=head), mark=mark_of)


async def verify(place: StorePlace, *, expect: AuditMark | None = None) -> tuple[AuditMark, AuditMark]:
    """Check the whole trail; return the last event that was deleted for its age, and the newest one.

    `expect` is an event as it was noted elsewhere. Raises `TrailBroken`, and `WhaleError` when nothing can be read.
    """
    async with audit_table(place) as table, table.snapshot() as snapshot:
        anchor = await snapshot.mark(ANCHOR)
        verifier = Verifier(anchor=anchor)
        is_found = expect is None or expect == anchor
        async for row in snapshot.rows():
            verifier.check(row)
            is_found = is_found or verifier.last == expect
        verifier.finish(await snapshot.mark(HEAD))
    if expect is not None and not is_found:
        raise TrailBroken(expect.seq, "is not the one that was expected")
    return anchor, verifier.last


async def search(place: StorePlace, query: AuditQuery) -> list[str]:
    """The lines of the events that fit, newest first. Raises `WhaleError`."""
    async with audit_table(place) as table:
        return [row.body for row in await table.search(query, text=as_written(query.text))]


async def follow(place: StorePlace, *, after: Sequence[str]) -> AsyncIterator[list[str]]:
    """The lines that come after those, for as long as it is iterated. Raises `WhaleError`."""
    async with audit_table(place) as table:
        last = decode_event(after[-1]).seq if after else 0
        while True:
            rows = await table.after(last)
            if rows:
                last = rows[-1].seq
                yield [row.body for row in rows]
            else:
                await asyncio.sleep(FOLLOW_INTERVAL)  # another process writes, and tells nobody
