"""Recordings go to a real object store, whatever happens to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.engines import eventually
from tests.object_store import ObjectServer
from tests.recording_events import header, output
from tests.recordings import recording
from whale.model.errors import RecordingError, WhaleError
from whale.model.ids import SessionId
from whale.model.recordings import Recording, RecordingState, RecordingStatus
from whale.recording.objects import ObjectStore
from whale.recording.shelf import RecordingShelf
from whale.recording.stored import make_room
from whale.recording.writer import RecordingWriter
from whale.server import recording_upload as module
from whale.server.config_s3 import S3Section
from whale.server.recording_upload import RecordingUpload
from whale.store.database import Database
from whale.store.recordings import RecordingTable

WHOLE = ["000000.chunk", "000001.chunk", "parts.json"]


class Place:
    def __init__(self, folder: Path, table: RecordingTable, server: ObjectServer) -> None:
        self.table = table
        self.server = server
        self.objects = ObjectStore(server.place)
        self.shelf = RecordingShelf(folder, self.objects)
        self.shelf.prepare()

    def upload(self, *, keep: int = 10**9) -> RecordingUpload:
        return RecordingUpload(S3Section(bucket="b", local_bytes=keep), self.shelf, self.objects, self.table)

    async def begin(self, number: int) -> tuple[Recording, RecordingWriter]:
        """One that goes on: a part is closed, and one open."""
        row = recording(number)._replace(state=RecordingState(chunks=1))
        await self.table.insert(row)
        writer = RecordingWriter.create(self.shelf.place(row.id), header(row.id))
        writer.write([output(0, b"first %d\r\n" % number)], {})
        writer.begin_chunk()
        writer.write([output(0, b"second %d\r\n" % number)], {})
        return row, writer

    async def finish(self, row: Recording, writer: RecordingWriter) -> Recording:
        writer.finish()
        state = RecordingState(RecordingStatus.FINISHED, ended=1, chunks=2)
        await self.table.set_state(row.id, state)
        return row._replace(state=state)

    async def record(self, number: int) -> Recording:
        return await self.finish(*await self.begin(number))

    def stored(self, row: Recording) -> list[str]:
        return [name for id, _, name in (each.partition("/") for each in self.server.objects) if id == row.id]

    def read(self, row: Recording) -> bytes:
        reader = self.shelf.open(row.id, from_ms=0)
        return b"".join(iter(lambda: reader.read(1), b""))

    def is_here(self, row: Recording) -> bool:
        return (self.shelf.place(row.id) / "000000.chunk").exists()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path / "s3") as made:
        yield made


@pytest.fixture
async def place(tmp_path: Path, server: ObjectServer) -> AsyncIterator[Place]:
    database = await Database.open(tmp_path / "state")
    yield Place(tmp_path / "recordings", RecordingTable(database), server)
    await database.aclose()


@asynccontextmanager
async def running(upload: RecordingUpload) -> AsyncIterator[RecordingUpload]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(upload.run())
        try:
            yield upload
        finally:
            task.cancel()


async def left(place: Place) -> int:
    return len(await place.table.not_uploaded(after=(0, ""), limit=100))


async def test_what_is_there_and_what_comes_is_stored(place: Place) -> None:
    row = await place.record(1)
    async with running(place.upload()) as upload:
        await eventually(lambda: place.stored(row) == WHOLE and not upload.waiting, "stored")
        assert await left(place) == 0
        going, writer = await place.begin(2)
        upload.changed(going)
        await eventually(lambda: not upload.waiting, "stored as far as it is")
        assert place.stored(going) == WHOLE[:1]
        upload.changed(await place.finish(going, writer))
        await eventually(lambda: place.stored(going) == WHOLE and not upload.waiting, "stored")
        assert await left(place) == 0
        assert upload.uploaded > 500
        assert not upload.failures


async def test_a_store_that_is_down_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    place.server.stop()
    rows = [await place.record(number) for number in range(2)]
    async with running(place.upload(keep=0)) as upload:
        await eventually(lambda: upload.failures > 2, "tried")
        assert upload.waiting == 2
        assert all(map(place.is_here, rows))
        place.server.start()
        await eventually(lambda: not upload.waiting, "stored")
        assert all(place.stored(row) == WHOLE for row in rows)


async def test_room_is_made_of_what_is_stored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM_EVERY", 1)
    row = await place.record(1)
    before = place.read(row)
    async with running(place.upload(keep=0)) as upload:
        going, _ = await place.begin(2)
        upload.changed(going)
        await eventually(lambda: not upload.waiting and not place.is_here(row), "moved")
        assert place.is_here(going)
    assert place.read(row) == before
    assert place.is_here(row)
    assert b"".join(place.shelf.chunk(row.id, 1)) == (place.server.files / "whale" / row.id / WHOLE[1]).read_bytes()


async def test_room_is_made_of_what_was_fetched(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM_INTERVAL", 0.1)
    row = await place.record(1)
    async with running(place.upload(keep=0)) as upload:
        await eventually(lambda: place.stored(row) == WHOLE and not upload.waiting, "stored")
        await asyncio.to_thread(place.shelf.bring, row.id, 0)
        upload._objects.fetched += 1  # the first look may have been before it was stored
        await eventually(lambda: not place.is_here(row), "moved")
        assert b"first 1" in await asyncio.to_thread(place.read, row)
        assert upload.fetched > 100
        await eventually(lambda: not place.is_here(row), "moved again")


async def test_room_that_can_not_be_made_keeps_nothing_from_the_store(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(directory: Path, *, keep: int) -> int:
        raise RecordingError("full")

    monkeypatch.setattr(module, "make_room", fails)
    monkeypatch.setattr(module, "ROOM_EVERY", 1)
    row = await place.record(1)
    async with running(place.upload(keep=0)) as upload:
        await eventually(lambda: place.stored(row) == WHOLE and not upload.waiting, "stored")


async def test_what_was_stored_by_a_server_that_was_killed_then_is_left_as_it_is(place: Place) -> None:
    row = await place.record(1)
    before = place.read(row)
    async with running(place.upload()) as upload:
        await eventually(lambda: place.stored(row) == WHOLE and not upload.waiting, "stored")
    await place.table._change(row.id, uploaded=0)  # it had not come to that
    make_room(place.shelf.directory, keep=0)
    (place.shelf.place("e" * 32)).mkdir()
    empty = recording(2)._replace(id=SessionId("e" * 32))
    await place.table.insert(empty)
    async with running(place.upload()) as upload:
        for _ in range(1000):
            if not await left(place):
                break
            await asyncio.sleep(0.01)
    assert (await left(place), upload.uploaded, upload.failures) == (0, 0, 0)
    assert place.read(row) == before


async def test_what_is_deleted_is_gone_and_does_not_come_back(place: Place) -> None:
    row, other = await place.record(1), await place.record(2)
    async with running(place.upload()) as upload:
        await eventually(lambda: place.stored(other) == WHOLE and not upload.waiting, "stored")
        assert await place.table.claim_deletion(row.id)
        await upload.delete(row.id)
        upload.changed(row)
        upload.changed(await place.record(3))
        await eventually(lambda: not upload.waiting, "all done")
    assert place.stored(row) == []
    assert place.stored(other) == WHOLE


async def test_what_is_deleted_while_it_is_stored_does_not_come_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, upload, put = await place.record(1), place.upload(), place.objects.put
    is_putting, go_on = asyncio.Event(), asyncio.Event()

    async def held_up(key: str, data: bytes) -> None:
        is_putting.set()
        await go_on.wait()
        await put(key, data)

    monkeypatch.setattr(place.objects, "put", held_up)
    upload.changed(row)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(upload._upload_due())
        await is_putting.wait()
        assert await place.table.claim_deletion(row.id)
        tasks.create_task(upload.delete(row.id))
        go_on.set()
    assert (place.stored(row), upload.waiting, upload.failures) == ([], 0, 0)


async def test_what_can_not_be_deleted_is_an_error(place: Place) -> None:
    row = await place.record(1)
    upload = place.upload()
    place.server.stop()
    with pytest.raises(RecordingError) as away:
        await upload.delete(row.id)
    assert away.value.code == "recording.unavailable"


async def test_what_is_damaged_does_not_keep_others_from_it(place: Place) -> None:
    rows = [await place.record(number) for number in range(4)]
    (place.shelf.place(rows[0].id) / WHOLE[0]).unlink()
    place.shelf.delete(rows[1].id)
    (place.shelf.place(rows[2].id) / WHOLE[1]).write_bytes(b"")
    async with running(place.upload()) as upload:
        await eventually(lambda: place.stored(rows[3]) == WHOLE and not upload.waiting, "all done")
        assert upload.failures == 1
    assert place.stored(rows[0]) == place.stored(rows[1]) == []
    assert place.stored(rows[2]) == [WHOLE[0], WHOLE[2]], "as far as a crash has left it"
    assert place.stored(rows[3]) == WHOLE
    assert [row.id for row in await place.table.not_uploaded(after=(0, ""), limit=9)] == [rows[0].id]


async def test_a_part_that_can_not_be_read_is_no_crash(place: Place) -> None:
    going, writer = await place.begin(1)
    writer.close()
    (place.shelf.place(going.id) / WHOLE[0]).unlink()
    async with running(place.upload()) as upload:
        await eventually(lambda: upload.failures == 1 and not upload.waiting, "given up for now")


async def test_what_nobody_remembers_is_looked_for_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.05)
    looked = RecordingTable.not_uploaded
    failing = [WhaleError("the database is away", code="server.database")]

    async def look(self: RecordingTable, *, after: tuple[int, str], limit: int) -> list[Recording]:
        if failing:
            raise failing.pop()
        return await looked(self, after=after, limit=limit)

    monkeypatch.setattr(RecordingTable, "not_uploaded", look)
    row = await place.record(1)
    async with running(place.upload()) as upload:
        await eventually(lambda: place.stored(row) == WHOLE and not upload.waiting, "stored")
    assert not failing


async def test_all_pages_are_looked_at(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    rows = [await place.record(number) for number in range(5)]
    upload = place.upload()
    await upload._look()
    assert upload.waiting == 5
    for row in rows[:2]:
        await upload.delete(row.id)
    assert upload.waiting == 3
