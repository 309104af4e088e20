from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.recordings import STARTED, recording
from whale.audit.event import Kind
from whale.broker.removal import Removal
from whale.broker.trail import Trail
from whale.model.errors import RecordingError
from whale.model.recordings import Recording, RecordingQuery, RecordingState, RecordingStatus
from whale.recording.shelf import RecordingShelf
from whale.server.config_recording import RecordingSection
from whale.server.recording_retention import DAY_MS, RecordingRetention
from whale.store.database import Database
from whale.store.recordings import RecordingTable

DAYS = 10
NOW = (STARTED + DAYS * DAY_MS) / 1000


class Place:
    """Ten recordings, one a day, of 100 bytes each; one is held, and one goes on."""

    def __init__(self, table: RecordingTable, directory: Path) -> None:
        self.table = table
        self.shelf = RecordingShelf(directory)
        self.said: list[tuple[Kind, str]] = []
        self.forgotten: list[str] = []
        self.is_away = False

    async def fill(self) -> None:
        for number in range(DAYS):
            ended = STARTED + number * DAY_MS
            state = RecordingState(RecordingStatus.FINISHED, ended=ended, stored_bytes=100)
            row: Recording = recording(number)._replace(started=ended - 1000, state=state, is_held=number == 2)
            if number == 4:
                row = row._replace(state=RecordingState())
            await self.table.insert(row)
            path = self.shelf.place(row.id)
            path.mkdir(parents=True)
            (path / "000000.chunk").write_bytes(bytes(100))

    def retention(
        self, *, keep: float = 0.0, max_bytes: int = 0, keep_labels: tuple[str, ...] = ()
    ) -> RecordingRetention:
        trail = Trail()

        def begin(kind: Kind, **fields: object):  # type: ignore[no-untyped-def]
            async def written() -> None:
                self.said.append((kind, str(fields["session"])))

            return written

        trail._begin = begin  # type: ignore[method-assign]
        section = RecordingSection(keep=keep, max_bytes=max_bytes, keep_labels=keep_labels)
        removal = Removal(self.table, self.shelf, forget=self._forget)
        return RecordingRetention(section, self.table, removal, trail, clock=lambda: NOW)

    async def _forget(self, id: str) -> None:
        assert self.shelf.place(id).exists(), "its files go last"
        if self.is_away:
            raise RecordingError("the store is away")
        self.forgotten.append(id)

    async def left(self) -> list[int]:
        rows = sorted(int(row.id, 16) for row in await self.table.search(RecordingQuery()))
        assert rows == [number for number in range(DAYS) if self.shelf.place(recording(number).id).exists()]
        return rows


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = await Database.open(tmp_path / "state")
    place = Place(RecordingTable(database), tmp_path / "recordings")
    await place.fill()
    yield place
    await database.aclose()


async def test_labels_have_days_of_their_own(place: Place) -> None:
    for number, label in ((0, "incident"), (1, "incident"), (3, "for-ever"), (5, "other"), (8, "short")):
        assert await place.table.set_label(recording(number).id, label)
    rules = ("incident=9.5", "for-ever=0", "short=1")
    assert await place.retention(keep=4.5, keep_labels=rules).prune() == 3
    assert await place.left() == [1, 2, 3, 4, 6, 7, 9]
    assert await place.retention(max_bytes=1, keep_labels=rules).prune() == 3
    assert await place.left() == [1, 2, 3, 4], "labelled, held, and going on"


async def test_all_are_kept_unless_somebody_says_for_how_long(place: Place) -> None:
    assert await place.retention().prune() == 0
    assert len(await place.left()) == DAYS


async def test_what_is_too_old_goes_unless_it_is_held_or_goes_on(place: Place) -> None:
    assert await place.retention(keep=4.5).prune() == 4
    assert await place.left() == [2, 4, 6, 7, 8, 9]
    assert place.said == [(Kind.RECORDING_DELETED, recording(number).id) for number in (0, 1, 3, 5)]
    assert place.forgotten == [id for _, id in place.said]


async def test_of_too_much_the_oldest_go(place: Place) -> None:
    assert await place.retention(max_bytes=650).prune() == 3
    assert await place.left() == [2, 4, 5, 6, 7, 8, 9]
    assert await place.retention(max_bytes=1).prune() == 5, "and what may not go stays"
    assert await place.left() == [2, 4]


async def test_what_could_not_be_deleted_goes_later(place: Place) -> None:
    place.is_away = True
    assert await place.retention(keep=4.5).prune() == 0
    [oldest] = await place.table.being_deleted(after=(0, ""), limit=9)
    assert oldest.id == recording(0).id
    assert place.shelf.place(oldest.id).exists()
    place.is_away = False
    assert await place.retention().prune() == 1, "whatever is to be kept now"
    assert await place.left() == list(range(1, DAYS))
    assert place.said == [(Kind.RECORDING_DELETED, oldest.id)] * 2


async def test_nothing_goes_without_an_event(place: Place) -> None:
    retention = place.retention(keep=1)

    def begin(*_: object, **__: object):  # type: ignore[no-untyped-def]
        async def refused() -> None:
            raise RecordingError("no trail")

        return refused

    retention._trail._begin = begin  # type: ignore[method-assign]
    assert await retention.prune() == 0
    assert len(await place.left()) == DAYS
