"""The tables of the audit trail. Rows are added at the end, and deleted at the beginning; there is no other way.

Whoever adds is handed the head of the trail inside the transaction, so that processes that add at once follow each
other.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from whale.model.audit import NO_EVENT, AuditMark, AuditQuery, AuditRow
from whale.model.limits import MAX_AUDIT_PRUNED
from whale.store.database import Database
from whale.store.schema import audit_events, audit_marks

HEAD: Final = "head"
"""Name of the mark at the newest event."""

ANCHOR: Final = "anchor"
"""Name of the mark at the last event that was deleted."""

PAGE: Final = 500
"""Rows fetched at once."""

# Made once: each event is written by these, and making them takes as long as the database does.
_ADD_EVENTS: Final = insert(audit_events)
_ADD_MARK: Final = insert(audit_marks)
_MARK: Final = select(audit_marks.c.seq, audit_marks.c.hash).where(audit_marks.c.name == bindparam("which"))
_MOVE_MARK: Final = (
    update(audit_marks)
    .where(audit_marks.c.name == bindparam("which"))
    .values(seq=bindparam("to_seq"), hash=bindparam("to_hash"))
)

Link = Callable[[AuditMark], Sequence[AuditRow]]


class AuditTable:
    """Queries on the trail of one database. All raise `WhaleError` when it fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, link: Link, *, mark: Callable[[AuditRow], AuditMark], unless: AuditMark | None = None
    ) -> AuditMark:
        """Add the rows that `link` makes to follow the head; they are on disk when this returns.

        `mark` says where a row is. Returns the new head, and `unless`, having added nothing, when that event is there:
        who was cut off from the database while it wrote does not know.
        """

        def append(connection: Connection) -> AuditMark:
            if unless is not None:
                found = connection.execute(select(audit_events).where(audit_events.c.seq == unless.seq)).one_or_none()
                if found is not None and mark(_row(found)) == unless:
                    return unless
            rows = link(_read_mark(connection, HEAD))
            head = mark(rows[-1])
            connection.execute(_ADD_EVENTS, [row._asdict() for row in rows])
            _write_mark(connection, HEAD, head)
            return head

        return await self._database.write_at_once(append)

    async def after(self, seq: int, *, limit: int = PAGE) -> list[AuditRow]:
        """The events that follow one, oldest first."""
        statement = select(audit_events).where(audit_events.c.seq > seq).order_by(audit_events.c.seq).limit(limit)
        async with self._database.read() as connection:
            return await _rows(connection, statement)

    async def search(self, query: AuditQuery, *, text: str = "") -> list[AuditRow]:
        """The events that fit, newest first. `text` is what is searched for as events write it."""
        async with self._database.read() as connection:
            return await _searched(connection, query, text)

    async def without(self, kind: str, *, begun: str, through: int) -> list[AuditRow]:
        """The events of the kind `begun`, up to a number, whose session has none of the other kind yet."""
        later = audit_events.alias()
        has_one = exists().where(later.c.session == audit_events.c.session, later.c.kind == kind)
        columns = audit_events.c
        statement = select(audit_events).where(columns.kind == begun, columns.seq <= through, ~has_one)
        async with self._database.read() as connection:
            return await _rows(connection, statement.order_by(columns.seq))

    async def newest(self) -> AuditMark:
        """The newest event."""
        return await self.mark(HEAD)

    async def mark(self, name: str) -> AuditMark:
        """A mark; the place before the first event where there is none."""
        async with self._database.read() as connection:
            return await connection.run_sync(_read_mark, name)

    async def set_mark(self, name: str, mark: AuditMark) -> None:
        """Move a mark, or make it."""
        async with self._database.write() as connection:
            await connection.run_sync(_write_mark, name, mark)

    async def prune(
        self,
        *,
        before: int,
        held: Sequence[str],
        link: Callable[[AuditMark, AuditRow, int], AuditRow],
        mark: Callable[[AuditRow], AuditMark],
    ) -> int:
        """Delete the oldest events, up to the first that is not before that time, and some thousands at once.

        `held` are marks behind which nothing is deleted. `link` makes the event that says so: from the head, the last
        event that is deleted, and how many they are. Returns how many.
        """
        async with self._database.write() as connection:
            anchor = await connection.run_sync(_read_mark, ANCHOR)
            most = [(await connection.run_sync(_read_mark, name)).seq for name in held]
            last = await _last_before(connection, before, limit=min([anchor.seq + MAX_AUDIT_PRUNED, *most]))
            if last is None or last.seq <= anchor.seq:
                return 0
            count = last.seq - anchor.seq
            row = link(await connection.run_sync(_read_mark, HEAD), last, count)
            await connection.execute(delete(audit_events).where(audit_events.c.seq <= last.seq))
            await connection.execute(_ADD_EVENTS, [row._asdict()])
            await connection.run_sync(_write_mark, ANCHOR, mark(last))
            await connection.run_sync(_write_mark, HEAD, mark(row))
        return count

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["AuditSnapshot"]:
        """Look at the trail as it is at one moment, however long that takes."""
        async with self._database.snapshot() as connection:
            yield AuditSnapshot(connection)


class AuditSnapshot:
    """A trail that does not change while it is looked at."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def mark(self, name: str) -> AuditMark:
        """A mark; the place before the first event where there is none."""
        return await self._connection.run_sync(_read_mark, name)

    async def search(self, query: AuditQuery) -> list[AuditRow]:
        """The events that fit, newest first."""
        return await _searched(self._connection, query)

    async def rows(self, *, after: int | None = None) -> AsyncIterator[AuditRow]:
        """The events that follow one, or all, oldest first."""
        statement = select(audit_events).order_by(audit_events.c.seq).limit(PAGE)
        # Without a bound for the first: somebody may have added what has a number below them all.
        asked = statement if after is None else statement.where(audit_events.c.seq > after)
        while page := await _rows(self._connection, asked):
            for row in page:
                yield row
            asked = statement.where(audit_events.c.seq > page[-1].seq)


def _read_mark(connection: Connection, name: str) -> AuditMark:
    """Read a mark inside a transaction."""
    found = connection.execute(_MARK, {"which": name}).one_or_none()
    return AuditMark(found.seq, found.hash) if found is not None else NO_EVENT


def _write_mark(connection: Connection, name: str, mark: AuditMark) -> None:
    """Write a mark inside a transaction."""
    moved = connection.execute(_MOVE_MARK, {"which": name, "to_seq": mark.seq, "to_hash": mark.hash})
    if not moved.rowcount:
        connection.execute(_ADD_MARK, {"name": name, **mark._asdict()})


async def _last_before(connection: AsyncConnection, time: int, *, limit: int) -> AuditRow | None:
    """Find the last event before the first one that is not before a time, up to a number."""
    columns = audit_events.c
    first_kept = select(func.min(columns.seq)).where(columns.at >= time, columns.seq <= limit + 1)
    kept = (await connection.execute(first_kept)).scalar_one_or_none()
    most = limit if kept is None else kept - 1
    found = await _rows(
        connection, select(audit_events).where(columns.seq <= most).order_by(columns.seq.desc()).limit(1)
    )
    return found[0] if found else None


async def _searched(connection: AsyncConnection, query: AuditQuery, text: str = "") -> list[AuditRow]:
    if any("\0" in value for value in (*query, text) if isinstance(value, str)):
        return []  # no event holds one, and PostgreSQL takes none
    statement = select(audit_events).where(*_conditions(query, text)).order_by(audit_events.c.seq.desc())
    return await _rows(connection, statement.limit(query.limit))


async def _rows(connection: AsyncConnection, statement: Select[tuple[object, ...]]) -> list[AuditRow]:
    return [_row(found) for found in await connection.execute(statement)]


def _row(found: Row[tuple[object, ...]]) -> AuditRow:
    return AuditRow(**found._mapping)


def _conditions(query: AuditQuery, text: str) -> list[ColumnElement[bool]]:
    columns = audit_events.c
    found: list[ColumnElement[bool]] = []
    for name in ("principal", "action", "kind", "session"):
        if value := getattr(query, name):
            found.append(columns[name] == value)
    if query.container:
        begins = columns.container_id.startswith(query.container, autoescape=True)
        found.append(or_(columns.container == query.container, begins))
    if text:
        found.append(func.lower(columns.body).contains(text.lower(), autoescape=True))
    if query.since is not None:
        found.append(columns.at >= query.since)
    if query.until is not None:
        found.append(columns.at < query.until)
    if query.before is not None:
        found.append(columns.seq < query.before)
    return found
