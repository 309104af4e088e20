"""Who finds what: of what one may not read neither a line is found nor a number said."""

import pytest

from tests.recordings import recording
from tests.unit.broker.conftest import ALICE, BOB
from tests.unit.broker.test_recordings import ADMIN, ON_TEST, House, house
from whale.audit.event import Kind
from whale.broker import recording_search as module
from whale.broker.recording_search import EACH
from whale.model.errors import RecordingError, UsageError
from whale.model.recording_search import Found
from whale.model.recordings import Recording, RecordingQuery
from whale.recording.text import LineKind, SpokenLine

assert house
QUERY = RecordingQuery(limit=100)


def put(house: House, row: Recording, *texts: str) -> Recording:
    house.put(row)
    house.shelf.spoken[row.id] = [SpokenLine(at, LineKind.SCREEN, text) for at, text in enumerate(texts)]
    return row


def said(found: Found) -> list[tuple[int, list[str]]]:
    return [(int(one.recording.id, 16), [line.line for line in one.lines]) for one in found.recordings]


@pytest.fixture
def three(house: House) -> House:
    put(house, recording(1), "drop table users", "nothing")
    put(house, recording(2)._replace(principal="bob"), "drop table of bob", "drop it")
    put(house, ON_TEST, "drop table on test")
    return house


async def test_lines_are_found_newest_recordings_first(three: House) -> None:
    found = await three.broker.search(ADMIN, "drop table", QUERY)
    assert said(found) == [(3, ["drop table on test"]), (2, ["drop table of bob"]), (1, ["drop table users"])]
    assert (found.is_whole, found.encrypted) == (True, 0)
    assert all(search.is_closed for search in three.shelf.searches)


async def test_what_may_not_be_read_is_not_looked_at(three: House) -> None:
    found = await three.broker.search(ALICE, "drop", QUERY)
    assert said(found) == [(1, ["drop table users"])]
    assert said(await three.broker.search(BOB, "users", QUERY)) == []
    assert three.shelf.searches[0].looked == [recording(1).id]
    assert three.shelf.searches[1].looked == [recording(2).id]


async def test_one_that_may_not_be_read_is_not_there(three: House) -> None:
    assert said(await three.broker.search(ALICE, "drop", QUERY, reference=recording(1).id)) == [
        (1, ["drop table users"])
    ]
    for reference in (recording(2).id, "f", "x"):
        with pytest.raises(RecordingError) as raised:
            await three.broker.search(ALICE, "drop", QUERY, reference=reference)
        assert raised.value.code == "recording.not_found"


async def test_a_limit_is_no_count_of_others(house: House) -> None:
    for number in range(1, 6):
        put(house, recording(number)._replace(principal="alice" if number % 2 else "bob"), "drop one", "drop two")
    found = await house.broker.search(ALICE, "drop", RecordingQuery(limit=3))
    assert said(found) == [(5, ["drop one", "drop two"]), (3, ["drop one"])]
    assert not found.is_whole
    assert (await house.broker.search(ALICE, "drop", RecordingQuery(limit=7))).is_whole


async def test_of_each_there_are_some_and_of_one_alone_all(house: House) -> None:
    put(house, recording(1), *(f"drop {number}" for number in range(3 * EACH)))
    assert len(said(await house.broker.search(ALICE, "drop", QUERY))[0][1]) == EACH
    found = await house.broker.search(ALICE, "drop", QUERY, reference="0")
    assert len(said(found)[0][1]) == 3 * EACH


@pytest.mark.parametrize("few", [0, 500])
async def test_filters_are_those_of_the_list(three: House, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", max(few, 1))
    put(three, recording(7)._replace(principal="bob"), "drop seven")
    found = await three.broker.search(ADMIN, "drop", QUERY._replace(principal="bob"))
    assert [number for number, _ in said(found)] == [7, 2]


async def test_what_is_encrypted_is_counted_if_it_may_be_read(three: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10, 16):
        three.put(recording(number)._replace(is_encrypted=True, principal="alice" if number % 2 else "bob"))
    assert (await three.broker.search(ALICE, "drop", QUERY)).encrypted == 3
    assert (await three.broker.search(ADMIN, "drop", QUERY)).encrypted == 6
    assert (await three.broker.search(ALICE, "drop", QUERY, reference=recording(11).id)).encrypted == 1
    monkeypatch.setattr(module, "MOST_COUNTED", 2)
    assert (await three.broker.search(ADMIN, "drop", QUERY)).encrypted == 2


async def test_a_search_that_takes_too_long_says_so(three: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = three.shelf.search

    def late(*args: object, **more: object) -> object:
        made = before(*args, **more)  # type: ignore[arg-type]
        made.is_late = True
        return made

    monkeypatch.setattr(three.shelf, "search", late)
    assert not (await three.broker.search(ALICE, "drop", QUERY)).is_whole


async def test_what_can_not_be_searched_for_is_said(three: House) -> None:
    with pytest.raises(UsageError):
        await three.broker.search(ALICE, "-", QUERY)


async def test_each_search_is_in_the_trail_and_its_secrets_are_masked(three: House) -> None:
    await three.broker.search(ALICE._replace(purpose="why"), 'mysql -phunter22 "users"', QUERY)
    await three.broker.search(ADMIN, "password: hunter22", QUERY)
    await three.broker.search(ADMIN, "drop", QUERY)
    events = [event for event in await three.events() if event.kind is Kind.RECORDING_SEARCHED]
    assert [(event.principal, " ".join(event.command or ()), event.count) for event in events] == [
        ("alice", "mysql -p*** users", 0),
        ("root", "password: ***", 0),
        ("root", "drop", 4),
    ]
    assert events[0].purpose == "why"
