"""The audit trail beside a running server, or without one: what operators do, and what they ask of it."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from whale.audit.chain import TrailBroken, Verifier, link
from whale.audit.event import AuditEvent, Kind, mark_of, timestamp
from whale.audit.recorder import Recorder
from whale.broker.trail import Trail
from whale.model.audit import AuditMark
from whale.server.config_model import Config
from whale.store.audit import ANCHOR, HEAD, AuditTable
from whale.store.database import Database


@asynccontextmanager
async def audit_table(state_dir: Path) -> AsyncIterator[AuditTable]:
    """Open the trail. Raises `WhaleError` when the state directory can't be used."""
    database = await Database.open(state_dir)
    try:
        yield AuditTable(database)
    finally:
        await database.aclose()


@asynccontextmanager
async def trail_of(config: Config) -> AsyncIterator[Trail]:
    """A trail that is written, for what is done without a server."""
    async with audit_table(Path(config.state_dir)) as table:
        recorder = Recorder(table, on_failure=config.audit.on_failure)
        async with recorder.running():
            yield Trail(recorder)


async def note_operator(state_dir: Path, kind: Kind, *, name: str, token: str = "") -> None:
    """Write that an operator did something. Raises `WhaleError`."""
    event = AuditEvent(
        time=timestamp(time.time()), kind=kind, source=f"local uid {os.getuid()}", name=name, token=token
    )
    async with audit_table(state_dir) as table:
        await table.append(lambda head: link([event], after=head), mark=mark_of)


async def verify(state_dir: Path, *, expect: AuditMark | None = None) -> tuple[AuditMark, AuditMark]:
    """Check the whole trail; return the last event that was deleted for its age, and the newest one.

    `expect` is an event as it was noted elsewhere. Raises `TrailBroken`, and `WhaleError` when nothing can be read.
    """
    async with audit_table(state_dir) as table, table.snapshot() as snapshot:
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
