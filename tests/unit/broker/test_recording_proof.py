"""What the trail says of a recording, with a real trail that somebody has changed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from whale.audit.chain import link
from whale.audit.event import AuditEvent, Kind, encode_event, mark_of, timestamp
from whale.broker import recording_proof as module
from whale.broker.recording_proof import prove
from whale.model.audit import AuditRow
from whale.model.recording_proof import Sealed
from whale.store.audit import AuditTable
from whale.store.database import Database
from whale.store.schema import audit_events

ID = "5f" * 16


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path)
    yield database
    await database.aclose()


async def add(database: Database, *kinds: Kind, session: str = ID, hash: str = "") -> None:
    events = [AuditEvent(time=timestamp(1), kind=kind, session=session, hash=hash, count=2) for kind in kinds]
    await AuditTable(database).append(lambda head: link(events, after=head), mark=mark_of)


async def change(database: Database, seq: int, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(update(audit_events).where(audit_events.c.seq == seq).values(**values))


async def row(database: Database, seq: int) -> AuditRow:
    return (await AuditTable(database).after(seq - 1))[0]


@pytest.fixture
async def trail(database: Database) -> AuditTable:
    """1 other, 2 opened, 3 anchored, 4 other, 5 finished, 6 other."""
    await add(database, Kind.STARTED, session="")
    await add(database, Kind.OPENED)
    await add(database, Kind.RECORDING_ANCHORED, hash="a" * 64)
    await add(database, Kind.OPENED, session="other")
    await add(database, Kind.RECORDING_FINISHED, hash="f" * 64)
    await add(database, Kind.STOPPED, session="")
    return AuditTable(database)


async def test_says_what_the_events_say(trail: AuditTable) -> None:
    proof = await prove(trail, ID)
    assert (proof.anchored, proof.finished) == ((Sealed(3, "a" * 64, 2),), (Sealed(5, "f" * 64, 2),))
    assert (proof.is_begun, proof.problem) == (True, "")
    assert (proof.seq, proof.head) == await trail.newest()


async def test_all_that_were_ever_written_count(trail: AuditTable, database: Database) -> None:
    await add(database, Kind.RECORDING_FINISHED, hash="0" * 64)
    assert [sealed.hash for sealed in (await prove(trail, ID)).finished] == ["f" * 64, "0" * 64]


async def test_what_is_not_there(trail: AuditTable) -> None:
    assert await prove(trail, "6e" * 16) == ((), (), False, "", 0, "")


async def test_an_event_that_was_changed_is_found(trail: AuditTable, database: Database) -> None:
    was = await row(database, 5)
    await change(database, 5, body=was.body.replace("f" * 64, "0" * 64))
    assert (await prove(trail, ID)).problem.startswith("event 6 does not follow")
    await change(database, 5, body="{}")
    assert (await prove(trail, ID)).problem == "event 5 was changed: it is no event any more"
    await change(database, 5, body=was.body, session="other")
    proof = await prove(trail, ID)
    assert (proof.finished, proof.problem) == ((), "event 5 was changed: it is not what it was written as")


async def test_an_event_that_was_taken_out_is_found(trail: AuditTable, database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(delete(audit_events).where(audit_events.c.seq >= 5))
    assert (await prove(trail, ID)).problem == "event 5 is missing, at the end"


async def test_what_is_before_the_session_is_for_others_to_check(trail: AuditTable, database: Database) -> None:
    first = await row(database, 1)
    event = AuditEvent(time=timestamp(2), kind=Kind.STARTED, seq=1, previous="0" * 64)
    assert encode_event(event) != first.body
    await change(database, 1, body=encode_event(event))
    assert (await prove(trail, ID)).problem == ""


async def test_without_its_beginning_it_starts_at_what_is_left(trail: AuditTable, database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(delete(audit_events).where(audit_events.c.seq <= 2))
    proof = await prove(trail, ID)
    assert (proof.is_begun, proof.problem, len(proof.finished)) == (False, "", 1)


async def test_nobody_waits_for_very_many_events(
    trail: AuditTable, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = await prove(trail, ID, most=3)
    assert (proof.seq, proof.problem, len(proof.finished)) == (4, "", 1)
    monkeypatch.setattr(module, "MAX_SEALS", 1)
    assert "more than 1 events" in (await prove(trail, ID)).problem
