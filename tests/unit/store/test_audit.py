"""The tables of the trail on a real file."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.unit.store.conftest import fill
from whale.model.audit import NO_EVENT, AuditMark, AuditQuery, AuditRow
from whale.model.errors import WhaleError
from whale.store.audit import ANCHOR, HEAD, PAGE, AuditTable, Link
from whale.store.database import Database
from whale.store.place import StorePlace


@pytest.fixture
def table(database: Database) -> AuditTable:
    return AuditTable(database)


def mark(row: AuditRow) -> AuditMark:
    return AuditMark(row.seq, f"{row.seq:064}")


def rows(count: int, **fields: object) -> Link:
    def link(head: AuditMark) -> Sequence[AuditRow]:
        blank = AuditRow(0, 0, "k", "alice", "exec", "web", "c0ffee", "s", "{}")
        made = [blank._replace(seq=head.seq + 1 + n, at=head.seq + 1 + n) for n in range(count)]
        return [AuditRow(**{**row._asdict(), **fields}) for row in made]

    return link


async def test_what_is_added_follows_the_head(table: AuditTable) -> None:
    assert await table.mark(HEAD) == NO_EVENT
    assert await table.append(rows(2), mark=mark) == AuditMark(2, f"{2:064}")
    assert (await table.append(rows(1), mark=mark)).seq == 3
    assert await table.mark(HEAD) == AuditMark(3, f"{3:064}")
    assert [row.seq for row in await table.after(1)] == [2, 3]
    assert [row.seq for row in await table.after(0, limit=1)] == [1]


async def test_two_that_add_at_once_follow_each_other(table: AuditTable, place: StorePlace) -> None:
    other = await Database.open(place)
    try:
        async with asyncio.TaskGroup() as tasks:
            for each in (table, AuditTable(other)) * 10:
                tasks.create_task(each.append(rows(3), mark=mark))
    finally:
        await other.aclose()
    assert [row.seq for row in await table.after(0)] == list(range(1, 61))


async def test_nothing_is_added_when_something_fails(table: AuditTable) -> None:
    await table.append(rows(1), mark=mark)
    with pytest.raises(WhaleError):
        await table.append(rows(1, seq=1), mark=mark)
    with pytest.raises(ZeroDivisionError):
        await table.append(rows(1), mark=lambda row: AuditMark(1 // 0, ""))
    assert await table.mark(HEAD) == mark((await table.after(0))[-1])
    assert len(await table.after(0)) == 1


async def test_a_snapshot_stays_as_it_was(table: AuditTable) -> None:
    await table.append(rows(PAGE + 3), mark=mark)
    async with table.snapshot() as snapshot:
        seen: list[int] = []
        async for row in snapshot.rows():
            if not seen:
                await table.append(rows(5), mark=mark)
            seen.append(row.seq)
        assert seen == list(range(1, PAGE + 4))
        assert (await snapshot.mark(HEAD)).seq == PAGE + 3
        assert [row.seq async for row in snapshot.rows(after=PAGE + 1)] == [PAGE + 2, PAGE + 3]
        assert [row.seq for row in await snapshot.search(AuditQuery(session="s", limit=2))] == [PAGE + 3, PAGE + 2]
        assert await snapshot.search(AuditQuery(session="\0")) == []
    assert (await table.mark(HEAD)).seq == PAGE + 8


async def test_a_mark_moves(table: AuditTable) -> None:
    for seq in (3, 9):
        await table.set_mark("sink", AuditMark(seq, "f" * 64))
    assert await table.mark("sink") == AuditMark(9, "f" * 64)
    assert await table.mark(HEAD) == NO_EVENT


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        (AuditQuery(), "", [6, 5, 4, 3, 2, 1]),
        (AuditQuery(limit=2), "", [6, 5]),
        (AuditQuery(before=3), "", [2, 1]),
        (AuditQuery(principal="bob"), "", [4]),
        (AuditQuery(action="kill"), "", [5]),
        (AuditQuery(kind="z"), "", []),
        (AuditQuery(session="s9"), "", [6]),
        (AuditQuery(container="db"), "", [3]),
        (AuditQuery(container="c0f"), "", [6, 5, 4, 2, 1]),
        (AuditQuery(container="c_f"), "", []),
        (AuditQuery(since=2, until=4), "", [3, 2]),
        (AuditQuery(principal="alice", action="exec", session="s"), "", [3, 2, 1]),
        (AuditQuery(), "needLE", [2]),
        (AuditQuery(), "100%", []),
        (AuditQuery(), "a\0", []),
        (AuditQuery(principal="alice\0"), "", []),
    ],
)
async def test_what_fits_is_found(table: AuditTable, query: AuditQuery, text: str, found: list[int]) -> None:
    for fields in (
        {}, {"body": "a Needle, 100"}, {"container": "db", "container_id": "dead"}, {"principal": "bob"},
        {"action": "kill"}, {"session": "s9"},
    ):  # fmt: skip
        await table.append(rows(1, **fields), mark=mark)
    assert [row.seq for row in await table.search(query, text=text)] == found


async def test_a_full_disk_is_a_clear_error_and_nothing_is_half_written(small_disk: Path) -> None:
    database = await Database.open(small_disk / "state")
    try:
        table = AuditTable(database)
        await table.append(rows(1), mark=mark)
        filler = fill(small_disk)

        async def add_very_many() -> None:
            for _ in range(100):
                await table.append(rows(50), mark=mark)

        with pytest.raises(WhaleError) as full:
            await add_very_many()
        assert full.value.code == "server.disk_full"
        filler.unlink()
        written = await table.append(rows(1), mark=mark)
        assert written.seq == len(await table.after(0, limit=10_000))
    finally:
        await database.aclose()


async def test_searches_use_their_indexes(database: Database, place: StorePlace) -> None:
    explain = "EXPLAIN QUERY PLAN" if isinstance(place, Path) else "EXPLAIN"
    for name in ("principal", "container", "session"):
        plan = f"{explain} SELECT * FROM audit_events WHERE {name} = 'x' ORDER BY seq DESC LIMIT 5"
        async with database.snapshot() as connection:
            if not isinstance(place, Path):  # it reads a table this small as a whole
                await connection.execute(text("SET LOCAL enable_seqscan = off"))
            assert f"audit_events_{name}" in str((await connection.execute(text(plan))).all())


def pruned(head: AuditMark, last: AuditRow, count: int) -> AuditRow:
    return AuditRow(head.seq + 1, 10**15, "p", "", "", "", "", "", f"{last.seq} {count}")


async def test_the_oldest_are_deleted_and_an_event_says_so(table: AuditTable) -> None:
    await table.append(rows(10), mark=mark)
    assert await table.prune(before=5, held=(), link=pruned, mark=mark) == 4
    assert [row.seq for row in await table.after(0)] == [5, 6, 7, 8, 9, 10, 11]
    assert (await table.after(10))[0].body == "4 4"
    assert (await table.mark(ANCHOR)).seq == 4
    assert (await table.mark(HEAD)).seq == 11
    assert await table.prune(before=5, held=(), link=pruned, mark=mark) == 0
    assert await table.prune(before=7, held=(), link=pruned, mark=mark) == 2
    assert (await table.after(11))[0].body == "6 2"


async def test_what_is_held_stays(table: AuditTable) -> None:
    await table.append(rows(10), mark=mark)
    await table.set_mark("sink:a", AuditMark(6, "x"))
    await table.set_mark("sink:b", AuditMark(3, "x"))
    assert await table.prune(before=100, held=("sink:a", "sink:b"), link=pruned, mark=mark) == 3
    assert await table.prune(before=100, held=("sink:none",), link=pruned, mark=mark) == 0


async def test_an_old_one_behind_a_new_one_stays(table: AuditTable) -> None:
    for at in (1, 2, 50, 3, 4):
        await table.append(rows(1, at=at), mark=mark)
    assert await table.prune(before=10, held=(), link=pruned, mark=mark) == 2


async def test_so_many_at_once(table: AuditTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale.store.audit.MAX_AUDIT_PRUNED", 4)
    await table.append(rows(10), mark=mark)
    counts = [await table.prune(before=100, held=(), link=pruned, mark=mark) for _ in range(4)]
    assert counts == [4, 4, 2, 0]


async def test_what_is_there_already_is_not_added_again(table: AuditTable) -> None:
    await table.append(rows(3), mark=mark)
    there, not_there, not_yet = AuditMark(2, f"{2:064}"), AuditMark(2, "f" * 64), AuditMark(4, f"{4:064}")
    assert await table.append(rows(1), mark=mark, unless=there) == there
    assert len(await table.after(0)) == 3
    for unless in (not_there, not_yet._replace(seq=9)):
        await table.append(rows(1), mark=mark, unless=unless)
    assert len(await table.after(0)) == 5
