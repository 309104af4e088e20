"""The table of recordings on a real database."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.recordings import FINISHED, STARTED, recording
from whale.model.errors import WhaleError
from whale.model.ids import SessionId
from whale.model.recording import RecordMode
from whale.model.recordings import Recording, RecordingQuery, RecordingState, RecordingStatus
from whale.store.backup import dump, load
from whale.store.database import Database
from whale.store.place import StorePlace
from whale.store.recordings import RecordingTable

ONE = recording()


@pytest.fixture
def table(database: Database) -> RecordingTable:
    return RecordingTable(database)


async def test_one_comes_back_as_it_went_in(table: RecordingTable) -> None:
    other = recording(2)._replace(
        command=(), policies=(), tty=False, mode=RecordMode.OUTPUT, is_encrypted=True, label="audit", is_held=True,
        state=RecordingState(),
    )  # fmt: skip
    for each in (ONE, other):
        await table.insert(each)
        assert await table.find(each.id) == each
    assert await table.find(ONE.id[:-1]) is None
    assert await table.find("") is None


async def test_what_no_database_takes_is_replaced(table: RecordingTable) -> None:
    hostile = "a\0\udc80'"
    container = ONE.container._replace(name=hostile, labels={hostile: hostile})
    await table.insert(ONE._replace(command=(hostile,), reason=hostile, container=container))
    found = await table.find(ONE.id)
    assert found is not None
    assert (found.command, found.reason, found.container.name) == (("a\0?'",), "a??'", "a??'")
    assert found.container.labels == {"a\0?'": "a\0?'"}, "as policies see them"


async def test_its_state_moves_on(table: RecordingTable) -> None:
    await table.insert(ONE._replace(state=RecordingState()))
    await table.insert(recording(2))
    assert [each.id for each in await table.going_on()] == [ONE.id]
    assert await table.set_state(ONE.id, FINISHED._replace(status=RecordingStatus.INTERRUPTED))
    found = await table.find(ONE.id)
    assert found == ONE._replace(state=FINISHED._replace(status=RecordingStatus.INTERRUPTED))
    assert await table.going_on() == []
    assert not await table.set_state("none", FINISHED)


async def test_what_is_held_is_not_deleted(table: RecordingTable) -> None:
    await table.insert(ONE)
    assert await table.set_held(ONE.id, True)
    assert await table.set_label(ONE.id, "case-7")
    assert await table.find(ONE.id) == ONE._replace(label="case-7", is_held=True)
    assert await table.search(RecordingQuery(label="case-7", is_held=True)) == [await table.find(ONE.id)]
    assert await table.search(RecordingQuery(label="case-8")) == await table.search(RecordingQuery(is_held=False)) == []
    assert not await table.claim_deletion(ONE.id)
    assert not await table.delete(ONE.id)
    assert await table.find(ONE.id) is not None
    assert await table.set_held(ONE.id, False)
    assert await table.claim_deletion(ONE.id)


async def test_what_is_being_deleted_is_not_held_and_not_found(table: RecordingTable) -> None:
    await table.insert(ONE)
    assert not await table.release_deletion(ONE.id)
    assert not await table.delete(ONE.id)
    assert await table.claim_deletion(ONE.id)
    assert not await table.claim_deletion(ONE.id), "one is enough"
    assert not await table.set_held(ONE.id, True)
    assert not await table.set_label(ONE.id, "")
    assert await table.find(ONE.id) is None
    assert await table.search(RecordingQuery()) == await table.expendable(limit=9) == []
    assert await table.not_uploaded(after=(0, ""), limit=9) == []
    assert await table.stored_bytes() == 0
    assert await table.being_deleted(after=(0, ""), limit=9) == [ONE]
    assert await table.being_deleted(after=(ONE.started, ONE.id), limit=9) == []
    assert await table.release_deletion(ONE.id)
    assert await table.find(ONE.id) == ONE
    assert await table.claim_deletion(ONE.id)
    assert await table.delete(ONE.id)
    assert not await table.delete(ONE.id)
    assert not await table.claim_deletion(ONE.id)
    assert await table.being_deleted(after=(0, ""), limit=9) == []


CASES: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [6, 5, 4, 3, 2, 1]),
    ({"limit": 2}, [6, 5]),
    ({"principal": "bob"}, [2]),
    ({"container": "db"}, [3]),
    ({"container": "id-d"}, [3]),
    ({"container": "id%"}, []),
    ({"text": "DUMP app"}, [4]),
    ({"text": "PSQL -c 'drop"}, [6, 5, 3, 2, 1]),
    ({"text": "OPS-"}, [5]),
    ({"text": "100%"}, []),
    ({"text": "\0"}, []),
    ({"principal": "alice\0"}, []),
    ({"since": STARTED + 2000, "until": STARTED + 4000}, [3, 2]),
    ({"before": (STARTED + 3000, f"{3:032x}")}, [2, 1]),
    ({"before": (STARTED + 3000, f"{4:032x}")}, [3, 2, 1]),
    ({"id": "0" * 31}, [5, 4, 3, 2, 1]),
    ({"id": f"{3:032x}"}, [3]),
    ({"id": "f"}, [6]),
    ({"ids": (f"{3:032x}", "f" * 32, "nothing")}, [6, 3]),
    ({"is_encrypted": True}, [3]),
    ({"is_encrypted": False, "ids": (f"{3:032x}", f"{2:032x}")}, [2]),
    ({"principal": "alice", "container": "web", "text": "ticket", "id": "0"}, [4, 1]),
]


@pytest.mark.parametrize(("query", "found"), CASES)
async def test_what_fits_is_found(table: RecordingTable, query: dict[str, Any], found: list[int]) -> None:
    made = [
        recording(1),
        recording(2)._replace(principal="bob"),
        recording(3, name="db")._replace(is_encrypted=True),
        recording(4)._replace(command=("pg_dump", "app")),
        recording(5)._replace(reason="ops-7"),
        recording(6)._replace(id=SessionId("f" * 32)),
    ]
    for each in made:
        await table.insert(each)
    rows = await table.search(RecordingQuery(**query))
    assert [(row.started - STARTED) // 1000 for row in rows] == found


async def test_what_is_not_in_the_object_store_is_found_the_oldest_first(table: RecordingTable) -> None:
    for number in (3, 1, 2, 5, 4):
        await table.insert(recording(number)._replace(started=STARTED + number // 3))
    assert await table.set_uploaded(f"{3:032x}")
    assert not await table.set_uploaded("none")
    seen, after = [], (0, "")
    while page := await table.not_uploaded(after=after, limit=2):
        seen += [int(row.id, 16) for row in page]
        after = (page[-1].started, page[-1].id)
    assert seen == [1, 2, 4, 5]


async def test_what_nobody_holds_may_go_the_oldest_first(table: RecordingTable) -> None:
    for number in range(1, 6):
        await table.insert(recording(number)._replace(label="case-7" if number == 4 else ""))
    await table.set_held(f"{2:032x}", True)
    await table.set_state(f"{5:032x}", RecordingState())

    async def found(**query: Any) -> list[int]:
        return [int(row.id, 16) for row in await table.expendable(limit=10, **query)]

    assert await found() == [1, 3, 4]
    assert await found(label="case-7") == [4]
    assert await found(without=("case-7", "case-8")) == [1, 3]
    ended = FINISHED.ended
    assert ended is not None
    assert await found(ended_before=ended) == []
    assert await found(ended_before=ended + 1) == [1, 3, 4]
    assert await table.stored_bytes() == 4 * FINISHED.stored_bytes


async def test_pages_leave_nothing_out_where_several_begin_at_once(table: RecordingTable) -> None:
    for number in range(1, 8):
        await table.insert(recording(number)._replace(started=STARTED + number // 3))
    seen: list[Recording] = []
    while page := await table.search(RecordingQuery(limit=2, before=(seen[-1].started, seen[-1].id) if seen else None)):
        seen += page
    assert [int(row.id, 16) for row in seen] == [7, 6, 5, 4, 3, 2, 1]


async def test_searches_use_their_indexes(database: Database, place: StorePlace) -> None:
    explain = "EXPLAIN QUERY PLAN" if isinstance(place, Path) else "EXPLAIN"
    for name, value in {
        "principal": "'x'",
        "container": "'x'",
        "status": "'x'",
        "uploaded": "0",
        "deleting": "1",
    }.items():
        plan = f"{explain} SELECT * FROM recordings WHERE {name} = {value} ORDER BY started DESC LIMIT 5"
        async with database.snapshot() as connection:
            if not isinstance(place, Path):  # it reads a table this small as a whole
                await connection.execute(text("SET LOCAL enable_seqscan = off"))
            assert f"recordings_{name}" in str((await connection.execute(text(plan))).all())


async def test_a_backup_has_them(database: Database, table: RecordingTable) -> None:
    await table.insert(ONE)
    lines = [line async for line in dump(database, time="now")]
    await load(database, b"".join(lines).splitlines(keepends=True), replace=True)
    assert await table.search(RecordingQuery()) == [ONE]


@pytest.mark.parametrize(("column", "value"), [("labels", "[]"), ("command", "1"), ("status", "x"), ("mode", "x")])
async def test_what_makes_no_sense_is_an_error(
    table: RecordingTable, database: Database, column: str, value: str
) -> None:
    await table.insert(ONE)
    async with database.write() as connection:
        await connection.execute(text(f"UPDATE recordings SET {column} = :value"), {"value": value})
    with pytest.raises(WhaleError) as broken:
        await table.find(ONE.id)
    assert broken.value.code == "server.database"
