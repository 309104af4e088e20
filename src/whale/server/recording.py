"""What records the sessions of a server: files on its disk, a row for each in the database, and words in the trail."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import structlog

from whale.audit.mask import mask_command, mask_labels, mask_text
from whale.broker.tail import Flushes
from whale.broker.trail import Trail
from whale.model.errors import RecordingError, WhaleError
from whale.model.recording import OnUnrecorded, RecordMode
from whale.model.recordings import Recording, RecordingState, RecordingStatus
from whale.recording.echo import EchoFilter
from whale.recording.header import About, make_header
from whale.recording.redact import Redactor
from whale.recording.rules import Rules
from whale.recording.shelf import RecordingShelf
from whale.recording.writer import ClosedChunk, RecordingWriter
from whale.server.config_recording import RecordingSection
from whale.server.recording_notes import RecordingNotes
from whale.session.session import Session
from whale.session.transcript import Transcript
from whale.store.recordings import RecordingTable

NOTE_INTERVAL: Final = 10.0
"""Seconds between two notes of how long a recording is that goes on."""

_log = structlog.get_logger("whale.server")


class ServerRecordings:
    """One per server; implements `whale.session.recorder.Recordings`."""

    def __init__(
        self,
        config: RecordingSection,
        shelf: RecordingShelf,
        table: RecordingTable,
        trail: Trail,
        flushes: Flushes,
        *,
        on_part: Callable[[Recording], None] = lambda _: None,
    ) -> None:
        """`on_part` is told of each part to which nothing is added any more."""
        self._config = config
        self._shelf = shelf
        self._table = table
        self._trail = trail
        self._flushes = flushes
        self.notes = RecordingNotes(table, on_part=on_part, on_anchor=trail.recording_anchored)
        self._rows: dict[str, Recording] = {}
        self._noted_at: dict[str, float] = {}
        self._rules: Rules | None = None
        """Made when the first session is recorded: that takes half a second."""
        self.failures: Counter[str] = Counter()
        """Recordings that could not be written, by what became of their sessions."""

    async def begin(self, session: Session) -> RecordingWriter:
        """Begin the recording of a session, with its row. Raises `WhaleError`."""
        row = _row(session, is_encrypted=bool(self._config.recipients))
        await self._make_rules()
        await self._table.insert(row)
        try:
            writer = await asyncio.to_thread(self._create, session, row)
        except WhaleError:
            await self._table.set_state(row.id, RecordingState(RecordingStatus.FAILED, _now()))
            raise
        self._rows[session.id] = row
        return writer

    async def resume(self, session: Session) -> RecordingWriter | None:
        """Go on with what an earlier server left; None when it is whole. Raises `WhaleError`."""
        row = await self._table.find(session.id)
        if row is None or row.state.status is not RecordingStatus.RECORDING:
            return None
        await self._make_rules()
        return await self._go_on(row)

    async def _make_rules(self) -> None:
        if self._rules is None:
            self._rules = await asyncio.to_thread(Rules, self._config.expressions)

    def _redactors(self, session: Session) -> Callable[[int], Redactor]:
        rules, cols = self._rules, session.size.cols if session.size is not None else 0
        assert rules is not None
        env = dict(session.spec.env)
        secrets = [env[name].encode(errors="replace") for name in self._config.redact_env if name in env]
        return lambda offset: Redactor(rules, offset=offset, secrets=secrets, cols=cols)

    def transcript(self, session: Session, writer: RecordingWriter) -> Transcript:
        """Make what says what of a session is recorded, from where the writer is."""
        mode = session.decision.recording.mode
        return Transcript(
            is_terminal=session.spec.tty,
            mode=mode,
            make_redactor=self._redactors(session),
            position=writer.position,
            before=writer.sums,
            echo=EchoFilter() if mode is RecordMode.ECHOED and session.spec.tty else None,
        )

    def written(self, session: Session, writer: RecordingWriter, chunk: ClosedChunk | None) -> None:
        """Tell who follows it; have it noted how far it is."""
        self._flushes.flushed(session.id)
        now, row = time.monotonic(), self._rows[session.id]
        if chunk is None and now - self._noted_at.get(session.id, now - NOTE_INTERVAL) < NOTE_INTERVAL:
            return
        self._noted_at[session.id] = now
        if chunk is not None:
            row = row._replace(state=_state(RecordingStatus.RECORDING, writer, chunk))
        else:
            row = row._replace(state=row.state._replace(duration=writer.at, raw_bytes=writer.raw))
        self._rows[session.id] = row
        self.notes.note(row, has_part=chunk is not None)

    def failed(self, session: Session, error: WhaleError, failure: OnUnrecorded) -> None:
        """Note that a session can't be recorded."""
        self.failures[failure.value] += 1
        self._trail.recording_failed(session, error, str(failure))

    async def finished(self, session: Session, writer: RecordingWriter, chunk: ClosedChunk) -> None:
        """Note that it is whole. Raises `WhaleError`."""
        status = session.status.code if session.status is not None else None
        await self._closed(session.id, RecordingStatus.FINISHED, writer, chunk, status)

    async def close_left(self, living: Collection[str]) -> None:
        """Close what no session goes on with: a crash of the machine leaves such. Raises nothing."""
        try:
            await self._close_left(living)
        except WhaleError as error:
            _log.error("recordings.not_closed", error=str(error))

    async def _close_left(self, living: Collection[str]) -> None:
        for row in await self._table.going_on():
            if row.id in living:
                continue
            try:
                writer = await self._go_on(row)
                if writer is not None:
                    chunk = await asyncio.to_thread(writer.finish, writer.sums)
                    await self._closed(row.id, RecordingStatus.INTERRUPTED, writer, chunk, None)
            except WhaleError as error:
                _log.error("recording.not_closed", session=row.id, error=str(error))
                await self._table.set_state(row.id, row.state._replace(status=RecordingStatus.FAILED, ended=_now()))

    def _create(self, session: Session, row: Recording) -> RecordingWriter:
        self._shelf.prepare()
        about = About(
            id=row.id,
            started=row.started,
            principal=row.principal,
            tty=row.tty,
            mode=row.mode.value,
            container={
                "id": row.container.id,
                "name": row.container.name,
                "image": row.container.image,
                "engine": row.container.engine,
            },
            labels=dict(row.container.labels),
            command=row.command,
            reason=row.reason,
            policies=row.policies,
        )
        terminal = dict(session.spec.env).get("TERM", "")
        header = make_header(about, session.size, terminal=terminal)
        return RecordingWriter.create(self._shelf.place(row.id), header, recipients=self._config.recipients)

    async def _go_on(self, row: Recording) -> RecordingWriter | None:
        """Go on with one; None where all of it was there, and the server was killed before its row said so."""
        self._rows[row.id] = row
        writer = await asyncio.to_thread(self._resumed, row)
        if not writer.is_finished:
            return writer
        chunk = await asyncio.to_thread(writer.finish)
        await self._closed(row.id, RecordingStatus.FINISHED, writer, chunk, None)
        return None

    def _resumed(self, row: Recording) -> RecordingWriter:
        writer = RecordingWriter.resume(self._place(row))
        if writer.is_encrypted is not row.is_encrypted:  # somebody has changed one of them
            writer.close()
            raise RecordingError("the recording was begun otherwise", detail="encrypted or not")
        return writer

    def _place(self, row: Recording) -> Path:
        return self._shelf.place(row.id)

    async def _closed(
        self, id: str, status: RecordingStatus, writer: RecordingWriter, chunk: ClosedChunk, exit_status: int | None
    ) -> None:
        state = _state(status, writer, chunk)._replace(ended=_now(), exit_status=exit_status)
        # The event first: a row says that it is whole only where the trail has the hash.
        await self._trail.recording_finishing(self._rows[id]._replace(state=state))()
        await self.notes.end(self._rows[id]._replace(state=state))
        self._rows.pop(id, None)
        self._noted_at.pop(id, None)
        self._flushes.flushed(id)


def _row(session: Session, *, is_encrypted: bool) -> Recording:
    decision = session.decision
    container = session.container
    return Recording(
        id=session.id,
        started=int(session.started * 1000),
        principal=session.owner,
        container=container._replace(
            image=mask_text(container.image), labels=dict(mask_labels(container.labels.items()))
        ),
        command=tuple(mask_command(session.spec.command)),
        reason=mask_text(decision.principal.purpose),
        policies=decision.policies,
        tty=session.spec.tty,
        mode=decision.recording.mode,
        is_encrypted=is_encrypted,
    )


def _state(status: RecordingStatus, writer: RecordingWriter, chunk: ClosedChunk) -> RecordingState:
    return RecordingState(
        status=status,
        duration=writer.at,
        raw_bytes=writer.raw,
        stored_bytes=writer.stored,
        chunks=chunk.number + 1,
        head=chunk.sha256,
    )


def _now() -> int:
    return int(time.time() * 1000)
