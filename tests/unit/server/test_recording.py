"""The rows, the files and the words in the trail that a recorded session leaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALLOWED, new_session
from whale.audit.event import AuditEvent, Kind
from whale.broker.tail import Flushes
from whale.broker.trail import Trail
from whale.engine.fake import FakeEngine
from whale.model.errors import RecordingError
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.recording import OnUnrecorded, RecordingWish, RecordMode
from whale.model.recordings import RecordingStatus
from whale.recording.event import Code, RecordedEvent
from whale.recording.reader import RecordingReader
from whale.recording.shelf import RecordingShelf
from whale.recording.verify import verify
from whale.server.config_recording import RecordingSection
from whale.server.recording import ServerRecordings
from whale.server.recording_notes import RecordingNotes
from whale.session.session import Session
from whale.session.transcript import Output
from whale.store.database import Database
from whale.store.recordings import RecordingTable

SPEC = ExecSpec(command=("psql", "--password=hunter2"), env=(("TERM", "vt220"),))


class Place:
    def __init__(self, table: RecordingTable, directory: Path) -> None:
        self.table = table
        self.shelf = RecordingShelf(directory / "recordings")
        self.flushes = Flushes()
        self.events: list[AuditEvent] = []
        self.parts: list[int] = []
        self.asked, self.audit = asyncio.Event(), asyncio.Event()
        self.audit.set()

    def _note(self, kind: Kind, **fields: Any) -> None:
        self.events.append(AuditEvent(time="", kind=kind, **fields))

    def _begin(self, kind: Kind, **fields: Any) -> Callable[[], Awaitable[None]]:
        async def written() -> None:
            self.asked.set()
            await self.audit.wait()
            self._note(kind, **fields)

        return written

    def made(self, *recipients: str) -> ServerRecordings:
        trail = Trail()
        trail._note = self._note  # type: ignore[method-assign]
        trail._begin = self._begin  # type: ignore[method-assign]
        section = RecordingSection(recipients=recipients)
        return ServerRecordings(
            section,
            self.shelf,
            self.table,
            trail,
            self.flushes,
            on_part=lambda row: self.parts.append(row.state.chunks),
        )


@asynccontextmanager
async def noting(notes: RecordingNotes) -> AsyncIterator[None]:
    """Have what is noted in the block in the database behind it."""
    yield
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(notes.run())
        await eventually(lambda: not notes._due, "a round")
        async with notes._one_by_one:
            task.cancel()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = await Database.open(tmp_path / "state")
    yield Place(RecordingTable(database), tmp_path / "state")
    await database.aclose()


@pytest.fixture
async def session(place: Place) -> Session:
    engine = FakeEngine.from_url("fake://web", name="local")
    session = new_session(engine, await engine.container("web"), SPEC)
    wish = RecordingWish(RecordMode.ALL, OnUnrecorded.END)
    session.decision = ALLOWED._replace(
        recording=wish, policies=("staff",), principal=ALLOWED.principal._replace(purpose="ticket 42")
    )
    return session


async def test_a_recording_from_its_beginning_to_its_end(place: Place, session: Session) -> None:
    recordings = place.made()
    writer = await recordings.begin(session)
    row = await place.table.find(session.id)
    assert row is not None
    assert (row.principal, row.container.name, row.mode, row.policies) == ("alice", "web", RecordMode.ALL, ("staff",))
    assert row.state.status is RecordingStatus.RECORDING
    assert "hunter2" not in repr(row)
    header = RecordingReader(place.shelf.place(session.id)).header()
    assert (header.term.type, header.whale.reason, header.whale.id) == ("vt220", "ticket 42", session.id)
    assert "hunter2" not in repr(header)

    writer.write([RecordedEvent(61_000, Code.OUTPUT, b"hello")], {"stdout": 5})
    async with noting(recordings.notes):
        recordings.written(session, writer, None)
    row = await place.table.find(session.id)
    assert row is not None
    assert (row.state.status, row.state.duration, row.state.raw_bytes) == (RecordingStatus.RECORDING, 61_000, 5)
    assert (place.events, place.parts) == ([], [])
    async with noting(recordings.notes):
        recordings.written(session, writer, writer.begin_chunk())
        recordings.written(session, writer, writer.begin_chunk())
    assert [event.kind for event in place.events] == [Kind.RECORDING_ANCHORED], "at most one in a minute"

    session.status = ExitStatus(code=3)
    last = writer.finish()
    await recordings.finished(session, writer, last)
    row = await place.table.find(session.id)
    assert row is not None
    assert row.state.status is RecordingStatus.FINISHED
    assert (row.state.exit_status, row.state.duration, row.state.raw_bytes, row.state.chunks) == (3, 61_000, 5, 3)
    assert row.state.stored_bytes == place.shelf.size(session.id)
    (_, finished) = place.events
    assert place.parts == [2, 3], "each part to which nothing is added any more"
    assert (finished.kind, finished.session, finished.hash) == (Kind.RECORDING_FINISHED, session.id, last.sha256)
    assert verify(place.shelf.place(session.id), id=session.id, head=finished.hash) == []


async def test_it_is_in_the_trail_before_a_row_says_that_it_is_whole(place: Place, session: Session) -> None:
    recordings = place.made()
    writer = await recordings.begin(session)
    place.audit.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recordings.finished(session, writer, writer.finish()))
        await asyncio.wait_for(place.asked.wait(), 5)
        row = await place.table.find(session.id)
        assert row is not None
        assert row.state.status is RecordingStatus.RECORDING, "who is killed here says it again"
        place.audit.set()
    row = await place.table.find(session.id)
    assert row is not None
    assert row.state.status is RecordingStatus.FINISHED


async def test_the_next_server_goes_on_with_it_unless_it_is_whole(place: Place, session: Session) -> None:
    writer = await place.made().begin(session)
    writer.write([RecordedEvent(5, Code.OUTPUT, b"one")], {"stdout": 3})
    writer.close()
    recordings = place.made()
    resumed = await recordings.resume(session)
    assert resumed is not None
    assert resumed.position == {"stdout": 3}
    assert recordings.transcript(session, resumed).position["stdout"] == 3
    await recordings.finished(session, resumed, resumed.finish())
    assert await place.made().resume(session) is None


@pytest.mark.parametrize("goes_on", [True, False])
async def test_what_was_finished_and_not_noted_is_noted(place: Place, session: Session, goes_on: bool) -> None:
    writer = await place.made().begin(session)
    writer.write([RecordedEvent(5, Code.OUTPUT, b"one")], {"stdout": 3})
    last = writer.finish()
    if goes_on:
        assert await place.made().resume(session) is None
    else:
        await place.made().close_left(())
    row = await place.table.find(session.id)
    assert row is not None
    assert (row.state.status, row.state.head, row.state.duration) == (RecordingStatus.FINISHED, last.sha256, 5)
    assert [(event.kind, event.hash) for event in place.events] == [(Kind.RECORDING_FINISHED, last.sha256)]


async def test_what_nobody_goes_on_with_is_closed(place: Place, session: Session) -> None:
    writer = await place.made().begin(session)
    writer.write([RecordedEvent(5, Code.OUTPUT, b"one")], {"stdout": 3})
    writer.close()
    await place.made().close_left({session.id})
    row = await place.table.find(session.id)
    assert row is not None
    assert row.state.status is RecordingStatus.RECORDING, "its session lives"
    await place.made().close_left(())
    row = await place.table.find(session.id)
    assert row is not None
    assert row.state.status is RecordingStatus.INTERRUPTED
    assert row.state.duration == 5
    assert verify(place.shelf.place(session.id), id=session.id, head=row.state.head) == []


async def test_what_can_not_be_closed_is_said_to_have_failed(place: Place, session: Session) -> None:
    (await place.made().begin(session)).close()
    place.shelf.delete(session.id)
    await place.made().close_left(())
    row = await place.table.find(session.id)
    assert row is not None
    assert row.state.status is RecordingStatus.FAILED


async def test_what_can_not_begin_leaves_a_row_that_says_so(place: Place, session: Session, tmp_path: Path) -> None:
    (tmp_path / "state" / "recordings").write_text("")
    recordings = place.made()
    with pytest.raises(RecordingError) as failed:
        await recordings.begin(session)
    assert str(tmp_path) not in failed.value.message
    row = await place.table.find(session.id)
    assert row is not None
    assert row.state.status is RecordingStatus.FAILED
    recordings.failed(session, failed.value, OnUnrecorded.END)
    assert recordings.failures == {"end": 1}
    assert [(event.kind, event.code) for event in place.events] == [(Kind.RECORDING_FAILED, "recording.unavailable")]


async def test_with_keys_the_server_can_not_read_it(place: Place, session: Session) -> None:
    key = pyrage.x25519.Identity.generate()
    recordings = place.made(str(key.to_public()))
    writer = await recordings.begin(session)
    writer.close()
    row = await place.table.find(session.id)
    assert row is not None
    assert row.is_encrypted
    with pytest.raises(RecordingError):
        RecordingReader(place.shelf.place(session.id)).header()
    # The next server, whose settings name other keys, or none.
    resumed = await place.made().resume(session)
    assert resumed is not None
    assert resumed.is_encrypted
    resumed.close()
    assert await place.table.claim_deletion(session.id)
    assert await place.table.delete(session.id)
    await place.table.insert(row._replace(is_encrypted=False))
    with pytest.raises(RecordingError, match="begun otherwise"):
        await place.made().resume(session)


async def test_secrets_are_taken_out(place: Place, session: Session) -> None:
    session.spec = SPEC._replace(env=(("DB", "swordfish-9"), ("OTHER", "not-secret-9")))
    trail = Trail()
    section = RecordingSection(redact=("employee=E[0-9]{6}",), redact_env=("DB",))
    recordings = ServerRecordings(section, place.shelf, place.table, trail, place.flushes)
    transcript = recordings.transcript(session, await recordings.begin(session))
    shown = b"E123456 swordfish-9 not-secret-9 " + b"ghp_" + b"a1B2" * 9 + b" end\r\n"
    events = transcript.take([], [Output(0, shown), Output(0, b"")], 1) + transcript.finish()
    found = b"".join(event.data for event in events)
    assert found == b"[redacted: employee] [redacted: secret] not-secret-9 [redacted: github-token] end\r\n"
