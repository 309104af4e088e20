"""A deletion and a hold: one of them is first. And what a deletion has left goes, too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.recordings import MemoryShelf, recording
from whale.broker import removal as module
from whale.broker.removal import Removal
from whale.model.errors import RecordingError, WhaleError
from whale.model.recordings import Recording
from whale.store.database import Database
from whale.store.recordings import RecordingTable

ONE = recording(1)


class Place:
    """A real table. `steps` has what was done, in its order; what is in `failing` fails."""

    def __init__(self, table: RecordingTable) -> None:
        self.table = table
        self.shelf = MemoryShelf()
        self.steps: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.removal = Removal(table, self, forget=self.forget)

    async def put(self, *made: Recording) -> None:
        for each in made:
            await self.table.insert(each)
            self.shelf.lines[each.id] = [b"head\n"]

    def event(self, recording: Recording) -> Callable[[], Awaitable[None]]:
        async def written() -> None:
            self._step("said", recording.id)

        return written

    async def forget(self, id: str) -> None:
        assert id in self.shelf.lines, "its files go last"
        self._step("forgotten", id)

    def delete(self, id: str) -> None:
        self._step("deleted", id)
        self.shelf.delete(id)

    def _step(self, name: str, id: str) -> None:
        self.steps.append(name)
        for key in (name, id):
            if key in self.failing:
                raise self.failing[key]

    async def left(self) -> list[str]:
        return [each.id for each in await self.table.being_deleted(after=(0, ""), limit=9)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = await Database.open(tmp_path)
    yield Place(RecordingTable(database))
    await database.aclose()


async def test_a_deletion_goes_step_by_step(place: Place) -> None:
    await place.put(ONE)
    assert await place.removal.remove(ONE, place.event)
    assert place.steps == ["said", "forgotten", "deleted"]
    assert (place.shelf.lines, await place.left(), await place.table.find(ONE.id)) == ({}, [], None)
    assert not await place.removal.remove(ONE, place.event)
    assert len(place.steps) == 3


async def test_what_is_held_since_it_was_looked_at_stays(place: Place) -> None:
    await place.put(ONE)
    assert await place.table.set_held(ONE.id, True)
    assert not await place.removal.remove(ONE, place.event)
    assert (place.steps, list(place.shelf.lines)) == ([], [ONE.id])


async def test_who_holds_what_is_being_deleted_is_refused(place: Place) -> None:
    await place.put(ONE)
    held: list[bool] = []

    def event(_: Recording) -> Callable[[], Awaitable[None]]:
        async def hold() -> None:
            held.append(await place.table.set_held(ONE.id, True))

        return hold

    assert await place.removal.remove(ONE, event)
    assert held == [False]


@pytest.mark.parametrize("error", [WhaleError("the trail is full"), asyncio.CancelledError()])
async def test_without_an_event_all_stays(place: Place, error: BaseException) -> None:
    await place.put(ONE)

    def event(_: Recording) -> Callable[[], Awaitable[None]]:
        async def refused() -> None:
            raise error

        return refused

    with pytest.raises(type(error)):
        await place.removal.remove(ONE, event)
    assert await place.table.find(ONE.id) == ONE
    assert place.steps == []
    assert await place.table.set_held(ONE.id, True)


@pytest.mark.parametrize("step", ["forgotten", "deleted"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RecordingError("the store is away"), "recording.unavailable"),
        (RecordingError("read-only", code="recording.damaged"), "recording.not_deleted"),
    ],
)
async def test_what_is_cut_short_is_said_and_finished(place: Place, step: str, error: Exception, code: str) -> None:
    await place.put(ONE)
    place.failing = {step: error}
    with pytest.raises(RecordingError) as failed:
        await place.removal.remove(ONE, place.event)
    assert failed.value.code == code
    assert str(error) in (failed.value.detail or "")
    assert await place.table.find(ONE.id) is None
    assert await place.left() == [ONE.id]
    place.failing.clear()
    assert await place.removal.finish(place.event) == 1
    assert (place.shelf.lines, await place.left()) == ({}, [])
    assert place.steps.count("said") == 2, "when the last of it went is in the trail, too"


async def test_one_that_can_not_be_deleted_does_not_keep_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    others = [recording(number) for number in range(2, 5)]
    await place.put(ONE, *others)
    for each in (ONE, *others):
        assert await place.table.claim_deletion(each.id)
    place.failing = {ONE.id: RecordingError("read-only", code="recording.damaged")}

    def event(_: Recording) -> Callable[[], Awaitable[None]]:
        return lambda: asyncio.sleep(0)

    assert await place.removal.finish(event) == 3
    assert await place.left() == [ONE.id]


async def test_where_the_store_is_away_nothing_more_is_tried(place: Place) -> None:
    await place.put(ONE, recording(2))
    for each in (ONE, recording(2)):
        assert await place.table.claim_deletion(each.id)
    place.failing = {"forgotten": RecordingError("the store is away")}
    with pytest.raises(RecordingError):
        await place.removal.finish(place.event)
    assert place.steps == ["said", "forgotten"]
