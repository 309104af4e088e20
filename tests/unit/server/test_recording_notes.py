"""Notes of recordings that go on: of many parts the last one, nothing older behind the end, and what failed again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.engines import eventually
from tests.recordings import recording
from whale.model.errors import WhaleError
from whale.model.recordings import Recording, RecordingState, RecordingStatus
from whale.server import recording_notes as room
from whale.server.recording_notes import RecordingNotes
from whale.store.recordings import RecordingTable


class Table:
    def __init__(self) -> None:
        self.states: list[tuple[str, int]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.asked = 0
        self.failures = 0
        self.stands_still_then = False

    async def set_state(self, id: str, state: RecordingState) -> bool:
        self.asked += 1
        await self.may_go_on.wait()
        if self.failures:
            self.failures -= 1
            if self.stands_still_then:
                self.may_go_on.clear()
            raise WhaleError("no room", code="server.disk_full")
        self.states.append((id, state.chunks))
        return True


class Place:
    def __init__(self) -> None:
        self.table = Table()
        self.parts: list[int] = []
        self.anchors: list[int] = []
        self.notes = RecordingNotes(
            cast(RecordingTable, self.table),
            on_part=lambda row: self.parts.append(row.state.chunks),
            on_anchor=lambda row: self.anchors.append(row.state.chunks),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.notes.run())
            yield
            task.cancel()


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(room, "PAUSE", 0.01)
    return Place()


def row(chunks: int, number: int = 1) -> Recording:
    return recording(number)._replace(state=RecordingState(RecordingStatus.RECORDING, chunks=chunks))


async def test_of_a_flood_the_last_part_is_noted(place: Place) -> None:
    for chunks in range(1, 50):
        place.notes.note(row(chunks), has_part=True)
    place.notes.note(row(49, 2), has_part=False)
    async with place.running():
        await eventually(lambda: len(place.table.states) == 2, "both")
        place.notes.note(row(50), has_part=False)
        place.notes.note(row(51), has_part=True)
        place.notes.note(row(52), has_part=False)
        await eventually(lambda: len(place.table.states) == 3, "the next round")
    assert place.table.states == [(row(1).id, 49), (row(1, 2).id, 49), (row(1).id, 52)]
    assert place.parts == [49, 52], "only who has a part more is told of"
    assert place.anchors == [49], "at most one in a minute"


async def test_nothing_older_is_noted_behind_the_end(place: Place) -> None:
    async with place.running():
        place.table.may_go_on.clear()
        place.notes.note(row(1), has_part=True)
        await eventually(lambda: place.table.asked == 1, "the first")
        place.notes.note(row(2), has_part=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(place.notes.end(row(9)))
            await asyncio.sleep(0.05)
            assert place.table.asked == 1, "one after the other"
            place.table.may_go_on.set()
        await asyncio.sleep(0.05)
    assert [chunks for _, chunks in place.table.states][-1] == 9
    assert place.parts[-1] == 9


async def test_what_can_not_be_noted_is_tried_again_unless_it_is_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.table.failures = 2
    async with place.running():
        place.notes.note(row(1), has_part=True)
        await eventually(lambda: place.table.states == [(row(1).id, 1)], "the third attempt")
        assert (place.table.asked, place.parts) == (3, [1])
        monkeypatch.setattr(room, "PAUSE", 0.3)
        place.table.failures = 1
        place.notes.note(row(2), has_part=True)
        await eventually(lambda: not place.table.failures, "the failure")
        await place.notes.end(row(9))
        await asyncio.sleep(0.5)
    assert [chunks for _, chunks in place.table.states] == [1, 9]


async def test_what_failed_is_not_noted_behind_the_end_either(place: Place) -> None:
    place.table.stands_still_then = True
    place.table.failures = 1
    place.notes.note(row(1), has_part=True)
    place.notes.note(row(1, 2), has_part=True)
    place.notes.note(row(1, 3), has_part=True)
    async with place.running(), asyncio.TaskGroup() as tasks:
        await eventually(lambda: place.table.asked == 2, "the second, after the failure of the first")
        tasks.create_task(place.notes.end(row(9)))
        await asyncio.sleep(0.05)
        place.table.may_go_on.set()
        await asyncio.sleep(0.2)
    assert place.table.states == [(row(1, 2).id, 1), (row(1).id, 9), (row(1, 3).id, 1)]
