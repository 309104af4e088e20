"""A whole database to lines and back: from each system to each, from earlier versions, or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.store.test_audit import mark, rows
from whale.model.errors import UsageError, WhaleError
from whale.model.ids import TokenId
from whale.store import backup as room
from whale.store.audit import HEAD, AuditTable
from whale.store.backup import dump, load
from whale.store.database import Database
from whale.store.dump import DumpWriter, Head, Row, read_dump
from whale.store.place import StorePlace
from whale.store.tokens import TokenRow, TokenTable

TOKEN = TokenRow(TokenId("a" * 12), "alice", bytes(range(32)), 1, 2**33, None, 2, ("a", "b"))
TIME = "2027-01-15T08:00:00.000000Z"


@pytest.fixture
async def other(empty_place: StorePlace, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """A second database, of either system whatever the first one is."""
    opened = await Database.open(tmp_path_factory.mktemp("other") if isinstance(empty_place, Path) else empty_place)
    yield opened
    await opened.aclose()


async def fill(database: Database, *, events: int = 3) -> None:
    await TokenTable(database).insert(TOKEN)
    await AuditTable(database).append(rows(events, container="\u2028 ü\\'\"%"), mark=mark)


async def lines(database: Database) -> list[bytes]:
    return b"".join([piece async for piece in dump(database, time=TIME)]).splitlines(keepends=True)


async def test_everything_comes_back_in_any_system(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 4)
    await fill(database, events=10)
    made = await lines(database)
    assert await load(other, made, replace=False) == 12
    assert await TokenTable(other).list() == [TOKEN]
    assert await AuditTable(other).after(0) == await AuditTable(database).after(0)
    assert await AuditTable(other).mark(HEAD) == await AuditTable(database).mark(HEAD)
    assert await lines(other) == made
    await AuditTable(other).append(rows(1), mark=mark)
    await TokenTable(other).revoke("alice", at=5)


async def test_it_is_of_one_moment(database: Database) -> None:
    await fill(database)
    pieces = dump(database, time=TIME)
    found = [await anext(pieces)]
    await AuditTable(database).append(rows(1), mark=mark)
    await TokenTable(database).revoke("alice", at=5)
    found += [piece async for piece in pieces]
    whole = list(read_dump(b"".join(found).splitlines(keepends=True)))
    assert sum(isinstance(each, Row) and each.table == "audit_events" for each in whole) == 3
    assert all(each.values[5] is None for each in whole if isinstance(each, Row) and each.table == "tokens")


async def test_what_is_there_is_replaced_only_if_that_is_wanted(database: Database) -> None:
    await fill(database)
    made = await lines(database)
    await AuditTable(database).append(rows(5), mark=mark)
    with pytest.raises(UsageError, match="not empty"):
        await load(database, made, replace=False)
    assert (await AuditTable(database).newest()).seq == 8
    await load(database, made, replace=True)
    assert (await AuditTable(database).newest()).seq == 3


@pytest.mark.parametrize("keep", [-1, -2, 3])
async def test_what_is_cut_changes_nothing(database: Database, keep: int) -> None:
    await fill(database)
    made = await lines(database)
    await AuditTable(database).append(rows(1), mark=mark)
    before = await lines(database)
    with pytest.raises(UsageError, match="cut short"):
        await load(database, made[:keep], replace=True)
    assert await lines(database) == before


async def test_an_earlier_version_is_brought_up_to_date(database: Database) -> None:
    columns = ("id", "name", "digest", "created", "expires", "revoked", "last_used")
    writer = DumpWriter()
    made = [
        writer.begin(Head(revision="0001", time=TIME, tables={"tokens": columns})),
        *writer.row(Row("tokens", ("a", "alice", b"d" * 32, 1, None, None, None))).splitlines(keepends=True),
        writer.end(),
    ]
    assert await load(database, made, replace=False) == 1
    (token,) = await TokenTable(database).list()
    assert (token.name, token.digest, token.groups) == ("alice", b"d" * 32, ())
    assert (await AuditTable(database).append(rows(1), mark=mark)).seq == 1


@pytest.mark.parametrize(
    ("revision", "columns", "row"),
    [
        ("9999", (), None),
        ("0003", ("x",), Row("other", (1,))),
        ("0003", ("id",), Row("tokens", ("a",))),
        ("0003", ("version_num",), Row("alembic_version", ("1",))),
        ("0003", ("name", "seq", "hash"), Row("audit_marks", (None, 1, "f"))),
    ],
)
async def test_what_does_not_fit_changes_nothing(
    database: Database, revision: str, columns: tuple[str, ...], row: Row | None
) -> None:
    await fill(database)
    before = await lines(database)
    writer = DumpWriter()
    made = [writer.begin(Head(revision=revision, time=TIME, tables={row.table: columns} if row else {}))]
    made += [*(writer.row(row).splitlines(keepends=True) if row else []), writer.end()]
    with pytest.raises(WhaleError):
        await load(database, made, replace=True)
    assert await lines(database) == before
