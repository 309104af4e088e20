"""The table of recordings: what is known of them beside their files, and which there are."""

import shlex
from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from whale.model.errors import WhaleError
from whale.model.recording import RecordMode
from whale.model.recordings import Recording, RecordingQuery, RecordingState, RecordingStatus, container_then
from whale.store.database import Database
from whale.store.schema import recordings

BEYOND_HEX: Final = "g"
"""Sorts behind every digit of an id."""

_THERE: Final = recordings.c.deleting == 0

_words: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_labels: Final = msgspec.json.Decoder(dict[str, str]).decode


class RecordingTable:
    """Queries on the recordings of one database. All raise `WhaleError` when it fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, recording: Recording) -> None:
        """Add one that begins."""
        async with self._database.write() as connection:
            await connection.execute(insert(recordings).values(_values(recording)))

    async def set_state(self, id: str, state: RecordingState) -> bool:
        """Note how far one is. False when it is not there."""
        return await self._change(id, **state._asdict())

    async def set_held(self, id: str, is_held: bool) -> bool:
        """Say whether nobody may delete it. False when it is not there, or is being deleted."""
        return await self._change(id, held=int(is_held))

    async def set_label(self, id: str, label: str) -> bool:
        """Say by what it is kept. False when it is not there."""
        return await self._change(id, label=label)

    async def set_uploaded(self, id: str) -> bool:
        """Note that all of it is in the object store. False when it is not there."""
        return await self._change(id, uploaded=1)

    async def not_uploaded(self, *, after: tuple[int, str], limit: int) -> list[Recording]:
        """Those of which not all is in the object store, oldest first, behind one that is given by start and id."""
        return await self._page(recordings.c.uploaded == 0, _THERE, after=after, limit=limit)

    async def being_deleted(self, *, after: tuple[int, str], limit: int) -> list[Recording]:
        """Those whose deletion has begun. As `not_uploaded` otherwise."""
        return await self._page(recordings.c.deleting == 1, after=after, limit=limit)

    async def find(self, id: str) -> Recording | None:
        """Look one up by its whole id. What is being deleted is not there."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(recordings).where(recordings.c.id == id, _THERE))).one_or_none()
        return _recording(found) if found is not None else None

    async def search(self, query: RecordingQuery) -> list[Recording]:
        """Those that fit, newest first. What is being deleted is not there."""
        if any("\0" in value for value in query if isinstance(value, str)):
            return []  # none holds one, and PostgreSQL takes none
        statement = select(recordings).where(_THERE, *_conditions(query))
        statement = statement.order_by(recordings.c.started.desc(), recordings.c.id.desc())
        async with self._database.read() as connection:
            return [_recording(found) for found in await connection.execute(statement.limit(query.limit))]

    async def going_on(self) -> list[Recording]:
        """Those whose end nobody has noted, oldest first: a server that starts goes on with them or closes them."""
        columns = recordings.c
        statement = select(recordings).where(columns.status == RecordingStatus.RECORDING.value)
        async with self._database.read() as connection:
            return [_recording(found) for found in await connection.execute(statement.order_by(columns.started))]

    async def expendable(
        self, *, ended_before: int | None = None, label: str = "", without: Collection[str] = (), limit: int
    ) -> list[Recording]:
        """Those that have ended and nobody holds, oldest first: with a label, or without any of several."""
        columns = recordings.c
        statement = select(recordings).where(columns.ended.is_not(None), columns.held == 0, _THERE)
        if label:
            statement = statement.where(columns.label == label)
        if without:
            statement = statement.where(columns.label.not_in(without))
        if ended_before is not None:
            statement = statement.where(columns.ended < ended_before)
        async with self._database.read() as connection:
            found = await connection.execute(statement.order_by(columns.started, columns.id).limit(limit))
            return [_recording(each) for each in found]

    async def stored_bytes(self) -> int:
        """What the files of all have together."""
        statement = select(func.sum(recordings.c.stored_bytes)).where(_THERE)
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one() or 0)

    async def claim_deletion(self, id: str) -> bool:
        """Begin to delete one. False when it is not there, is under a hold, or is being deleted."""
        return await self._change(id, recordings.c.held == 0, deleting=1)

    async def release_deletion(self, id: str) -> bool:
        """Take back that one is deleted, before anything of it is. False when nobody had begun to."""
        statement = update(recordings).where(recordings.c.id == id, recordings.c.deleting == 1).values(deleting=0)
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def delete(self, id: str) -> bool:
        """Forget one that is being deleted. False when it is not."""
        statement = delete(recordings).where(recordings.c.id == id, recordings.c.deleting == 1)
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def _page(self, *conditions: ColumnElement[bool], after: tuple[int, str], limit: int) -> list[Recording]:
        columns = recordings.c
        started, id = after
        behind = or_(columns.started > started, and_(columns.started == started, columns.id > id))
        statement = select(recordings).where(*conditions, columns.started >= started, behind)
        async with self._database.read() as connection:
            found = await connection.execute(statement.order_by(columns.started, columns.id).limit(limit))
            return [_recording(each) for each in found]

    async def _change(self, id: str, *conditions: ColumnElement[bool], **values: object) -> bool:
        statement = update(recordings).where(recordings.c.id == id, _THERE, *conditions).values(**values)
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)


def _conditions(query: RecordingQuery) -> list[ColumnElement[bool]]:
    columns = recordings.c
    found: list[ColumnElement[bool]] = []
    if query.principal:
        found.append(columns.principal == query.principal)
    if query.container:
        begins = columns.container_id.startswith(query.container, autoescape=True)
        found.append(or_(columns.container == query.container, begins))
    if query.text:
        text = query.text.lower()
        found.append(
            or_(*(func.lower(each).contains(text, autoescape=True) for each in (columns.line, columns.reason)))
        )
    if query.id:
        found.append(and_(columns.id >= query.id, columns.id < query.id + BEYOND_HEX))
    if query.ids:
        found.append(columns.id.in_(query.ids))
    if query.is_encrypted is not None:
        found.append(columns.encrypted == int(query.is_encrypted))
    if query.is_held is not None:
        found.append(columns.held == int(query.is_held))
    if query.label:
        found.append(columns.label == query.label)
    if query.since is not None:
        found.append(columns.started >= query.since)
    if query.until is not None:
        found.append(columns.started < query.until)
    if query.before is not None:
        started, id = query.before
        found.append(columns.started <= started)  # by which the index is entered where the page begins
        found.append(or_(columns.started < started, columns.id < id))
    return found


def _values(recording: Recording) -> dict[str, object]:
    container = recording.container
    return {
        "id": recording.id,
        "started": recording.started,
        "principal": _text(recording.principal),
        "container_id": _text(container.id),
        "container": _text(container.name),
        "image": _text(container.image),
        "engine": _text(container.engine),
        "labels": _json({_unicode(name): _unicode(value) for name, value in container.labels.items()}),
        "command": _json([_unicode(word) for word in recording.command]),
        "line": _text(shlex.join(recording.command)),
        "reason": _text(recording.reason),
        "policies": _json(recording.policies),
        "tty": int(recording.tty),
        "mode": recording.mode.value,
        "encrypted": int(recording.is_encrypted),
        "label": _text(recording.label),
        "held": int(recording.is_held),
        **recording.state._asdict(),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _unicode(text: str) -> str:
    """What JSON takes, and policies see: no lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(text: str) -> str:
    """What databases take: nor, PostgreSQL, a NUL."""
    return _unicode(text).replace("\0", "?")


def _recording(found: Row[tuple[object, ...]]) -> Recording:
    values: dict[str, Any] = dict(found._mapping)
    try:
        state = RecordingState(**{name: values[name] for name in RecordingState._fields})
        return Recording(
            id=values["id"],
            started=values["started"],
            principal=values["principal"],
            container=container_then(
                id=values["container_id"],
                name=values["container"],
                image=values["image"],
                engine=values["engine"],
                labels=_labels(values["labels"]),
            ),
            command=_words(values["command"]),
            reason=values["reason"],
            policies=_words(values["policies"]),
            tty=bool(values["tty"]),
            mode=RecordMode(values["mode"]),
            is_encrypted=bool(values["encrypted"]),
            state=state._replace(status=RecordingStatus(state.status)),
            label=values["label"],
            is_held=bool(values["held"]),
        )
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise WhaleError("a recording's row can't be read", code="server.database", detail=str(error)) from error
