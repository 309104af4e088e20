import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.engines import eventually
from tests.recording_events import header, output
from tests.recordings import recording
from whale.model.errors import RecordingError
from whale.model.recordings import Recording, RecordingState, RecordingStatus
from whale.recording.index import shard_files
from whale.recording.shelf import INDEX, RecordingShelf
from whale.recording.stored import make_manifest, write_manifest
from whale.recording.writer import RecordingWriter
from whale.server import recording_index as module
from whale.server.config_recording import RecordingSection
from whale.server.recording_index import RecordingIndex
from whale.store.database import Database
from whale.store.recordings import RecordingTable


class Stored:
    """An object store that has what a directory had, and is down at first."""

    def __init__(self, directory: Path) -> None:
        self._objects = {path.name: path.read_bytes() for path in directory.iterdir()}
        self.is_down = True
        self.refused = 0

    def get(self, key: str, *, limit: int) -> bytes:
        if self.is_down:
            self.refused += 1
            raise RecordingError("down")
        return self._objects[key.rpartition("/")[2]]


class Place:
    def __init__(self, folder: Path, table: RecordingTable) -> None:
        self.folder = folder
        self.table = table
        self.shelf = RecordingShelf(folder)
        self.shelf.prepare()

    def index(self) -> RecordingIndex:
        return RecordingIndex(RecordingSection(), self.shelf, self.table)

    async def record(self, number: int, *, is_encrypted: bool = False) -> Recording:
        row = recording(number)._replace(is_encrypted=is_encrypted)
        await self.table.insert(row)
        writer = RecordingWriter.create(self.shelf.place(row.id), header(row.id))
        writer.write([output(0, b"zebra%d\r\n" % number)], {})
        writer.finish()
        return row

    def content(self) -> bytes:
        return b"".join(path.read_bytes() for path in shard_files(self.folder / INDEX))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = await Database.open(tmp_path / "state")
    yield Place(tmp_path / "recordings", RecordingTable(database))
    await database.aclose()


@asynccontextmanager
async def running(index: RecordingIndex) -> AsyncIterator[RecordingIndex]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(index.run())
        try:
            yield index
        finally:
            task.cancel()


async def test_what_is_there_and_what_comes_is_indexed(place: Place) -> None:
    for number in range(3):
        await place.record(number)
    await place.record(3, is_encrypted=True)
    async with running(place.index()) as index:
        await eventually(lambda: b"zebra2" in place.content(), "indexed")
        assert b"zebra0" in place.content()
        index.changed(await place.record(4))
        await eventually(lambda: b"zebra4" in place.content(), "indexed")
        index.changed(await place.record(5, is_encrypted=True))
        index.changed(await place.record(6))
        await eventually(lambda: b"zebra6" in place.content(), "indexed")
    assert b"zebra3" not in place.content()
    assert b"zebra5" not in place.content()


async def test_an_index_that_is_gone_is_made_anew(place: Place) -> None:
    await place.record(1)
    for _ in range(2):
        async with running(place.index()):
            await eventually(lambda: b"zebra1" in place.content(), "indexed")
        shard_files(place.folder / INDEX)[0].unlink()


@pytest.mark.parametrize("is_disk_new", [False, True])
async def test_what_is_elsewhere_is_brought(place: Place, monkeypatch: pytest.MonkeyPatch, is_disk_new: bool) -> None:
    monkeypatch.setattr(module, "IDLE", 0.1)
    monkeypatch.setattr(module, "RETRY", 0.1)
    rows = [await place.record(number) for number in range(2)]
    directory = place.shelf.place(rows[0].id)
    write_manifest(directory, make_manifest(directory))
    stored = Stored(directory)
    (directory / "000000.chunk").unlink()
    if is_disk_new:
        place.shelf.delete(rows[0].id)
    place.shelf = RecordingShelf(place.folder, stored)
    async with running(place.index()):
        await eventually(lambda: b"zebra1" in place.content() and stored.refused > 1, "indexed as far as it is there")
        stored.is_down = False
        await eventually(lambda: b"zebra0" in place.content(), "indexed")


async def test_what_is_deleted_is_gone_and_does_not_come_back(place: Place) -> None:
    rows = [await place.record(number) for number in range(3)]
    await place.index().delete(rows[0].id)  # before there is any
    assert not (place.folder / INDEX).exists()
    async with running(place.index()) as index:
        await eventually(lambda: b"zebra2" in place.content(), "indexed")
        assert await place.table.claim_deletion(rows[1].id)
        await index.delete(rows[1].id)
        assert b"zebra1" not in place.content()
        index.changed(rows[1])
        index.changed(await place.record(7))
        await eventually(lambda: b"zebra7" in place.content(), "indexed")
        assert b"zebra1" not in place.content()


async def test_what_was_deleted_without_it_goes_at_the_next_start(place: Place) -> None:
    rows = [await place.record(number) for number in range(2)]
    async with running(place.index()):
        await eventually(lambda: b"zebra1" in place.content(), "indexed")
    place.shelf.delete(rows[0].id)
    assert await place.table.claim_deletion(rows[0].id)
    async with running(place.index()):
        await eventually(lambda: b"zebra0" not in place.content(), "pruned")
    assert b"zebra1" in place.content()


async def test_what_fails_does_not_stop_the_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [await place.record(number) for number in range(3)]
    place.shelf.delete(rows[0].id)
    await place.table.set_state(rows[1].id, RecordingState(RecordingStatus.FAILED))
    async with running(place.index()) as index:
        await eventually(lambda: b"zebra2" in place.content(), "indexed")
        process = index._process
        assert process is not None
        process.kill()
        await process.wait()
        assert await place.table.claim_deletion(rows[2].id)
        await index.delete(rows[2].id)
        assert b"zebra2" not in place.content()
    assert b"zebra1" not in place.content()
    monkeypatch.setattr(module, "command", lambda is_urgent: ["/nowhere"])
    with pytest.raises(RecordingError):
        await place.index().delete(rows[1].id)


async def test_the_process_ends_when_there_is_nothing_to_do(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE", 0.01)
    await place.record(1)
    async with running(place.index()) as index:
        await eventually(lambda: b"zebra1" in place.content(), "indexed")
        await eventually(lambda: index._process is None, "ended")
        index.changed(await place.record(2))
        await eventually(lambda: b"zebra2" in place.content(), "indexed")


async def test_a_database_that_is_gone_costs_only_what_is_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> list[Recording]:
        raise RecordingError("gone")

    monkeypatch.setattr(place.table, "search", fails)
    async with running(place.index()) as index:
        index.changed(await place.record(1))
        await eventually(lambda: b"zebra1" in place.content(), "indexed")


async def test_who_deletes_does_not_wait_for_who_indexes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [await place.record(number) for number in range(2)]
    async with running(place.index()) as index:
        await eventually(lambda: b"zebra1" in place.content(), "indexed")
    index = place.index()
    stuck = [sys.executable, "-c", "import sys; sys.stdin.readline(); print({}, flush=True); sys.stdin.read()"]
    real = module.command
    monkeypatch.setattr(module, "command", lambda is_urgent: real(is_urgent=True) if is_urgent else stuck)
    async with running(index):
        await eventually(lambda: index._process is not None and not index._is_urgent, "stuck")
        async with asyncio.timeout(30):
            await index.delete(rows[0].id)
        assert b"zebra0" not in place.content()
        assert index._is_urgent
        stuck[:] = real(is_urgent=False)
        await eventually(lambda: not index._is_urgent, "begun")
