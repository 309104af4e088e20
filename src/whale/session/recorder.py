"""Records one session: one more reader of its logs, which are not trimmed below what it has written.

What happens is noted at once, in the session's memory, and written by a thread a moment later. So a key costs a note,
a server that is killed leaves nothing out, and output is never ahead of its recording by more than the log holds.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from whale.engine.seam import Permit
from whale.model.errors import RecordingError, WhaleError
from whale.model.exec import Stream
from whale.model.limits import (
    RECORDING_AHEAD,
    RECORDING_DELAY,
    RECORDING_RETRY,
    RECORDING_SYNC,
)
from whale.model.recording import OnUnrecorded
from whale.model.terminal import TerminalSize
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.writer import ClosedChunk, RecordingWriter
from whale.session.journal import Entry, Kind
from whale.session.recorded_input import RecordedInput
from whale.session.recording_file import RecordingFile, Taken
from whale.session.recordings import Recordings
from whale.session.transcript import Output

if TYPE_CHECKING:
    from whale.session.session import Session

_log = structlog.get_logger("whale.session")


class Recorder:
    """One per session that is recorded. Its work is done `around` that of the session."""

    def __init__(self, session: "Session", recordings: Recordings) -> None:
        assert session.memory.journal is not None
        self._session = session
        self._recordings = recordings
        self.journal = session.memory.journal
        self.journal.begin()
        self.input = RecordedInput()
        self.failure = session.decision.recording.failure
        self.done = dict.fromkeys(session.logs, 0)
        """Of each output: everything below it is in the recording's file."""
        self.is_given_up = False
        """True when the session goes on, or ends, without its recording."""
        self.is_holding = False
        """True while the session has to stand still."""
        self._file: RecordingFile | None = None
        self._taken = 0
        """Of the journal, what the transcript has."""
        self._beside: list[tuple[int, Entry]] = []
        """Input of a pipe, and what the journal had no room for, or an earlier server left there."""
        self._due = asyncio.Event()
        self._urgent = asyncio.Event()
        self._is_busy = asyncio.Lock()
        self._is_failing = False
        self._is_over = False
        """True when nothing more happens."""

    # -- its beginning -----------------------------------------------------------------------------------------

    def permit(self, other: Permit | None) -> Permit:
        """Return what waits until the recording has begun, and for another permit."""

        async def begun() -> None:
            await self._begin()
            if other is not None:
                await other()

        return begun

    async def _begin(self) -> None:
        if self._file is not None or self.is_given_up:
            return
        try:
            self._begun(await self._recordings.begin(self._session))
        except WhaleError as error:
            if self.failure is not OnUnrecorded.ALARM:
                raise
            self._fail(error)

    async def resume(self) -> None:
        """Go on where an earlier server was."""
        try:
            writer = await self._recordings.resume(self._session)
        except WhaleError as error:
            self._fail(error)
            return
        if writer is None:
            self.is_given_up = True  # it was whole before
            return
        self._begun(writer)
        self._beside = [*self._settled(), *self._beside]
        self.changed()

    def _settled(self) -> Iterator[tuple[int, Entry]]:
        """Take what the journal has by now, without the input that was noted, and never went to the engine.

        Its client sends it again.
        """
        for behind, entry in self.journal.entries(self._taken):
            self._taken = behind
            if entry.kind is Kind.INPUT:
                late = max(0, entry.offset - self._session.written(entry.source))
                entry = entry._replace(data=entry.data[: len(entry.data) - late])
            yield behind, entry

    def _begun(self, writer: RecordingWriter) -> None:
        transcript = self._recordings.transcript(self._session, writer)
        transcript.skip_input(self._session.bytes_in)
        self.input.resume(writer.position)
        self._file = RecordingFile(writer, transcript)
        self._taken = self._file.journal
        self.done = self._file.done

    # -- what happens; every keystroke comes by here -----------------------------------------------------------

    def output(self, number: int, end: int) -> None:
        """Note how far an output is now."""
        self.journal.output(number, end)
        if not self._due.is_set():
            self._due.set()
        if end - self.done[_STREAMS[number]] >= RECORDING_AHEAD:
            self._urgent.set()

    def typed(self, source: int, data: bytes | memoryview, offset: int) -> bool:
        """Note input, up to an offset. False when it must not go on: the session gets it back when it is recorded."""
        if self.is_given_up:
            return self.failure is OnUnrecorded.ALARM
        is_free = not self.input.waiting and not self.is_holding
        size = self.input.unrecorded(source, len(data), offset)
        new = data[len(data) - size :]
        if is_free and (not size or (self._session.spec.tty and self._noted(Kind.INPUT, new, source, offset))):
            return True
        entry = self.input.add(Entry(Kind.INPUT, self.journal.now, offset, source, bytes(data)))
        self._beside.append((0, entry))
        self.hurry()
        return False

    def resized(self, size: TerminalSize) -> None:
        """Note another size of the terminal."""
        self._note(Kind.RESIZE, b"%dx%d" % size)

    def marked(self, label: str) -> None:
        """Note something that whoever looks at the recording wants to find."""
        self._note(Kind.MARKER, label.encode(errors="replace"))

    def _note(self, kind: Kind, data: bytes) -> None:
        if not self._noted(kind, data) and not self.is_given_up:
            self._beside.append((0, Entry(kind, self.journal.now, data=data)))
            self.changed()

    def _noted(self, kind: Kind, data: bytes | memoryview, source: int = 0, offset: int = 0) -> bool:
        is_noted = self.journal.note(kind, data, source=source, offset=offset)
        if is_noted:
            self.changed()
        return is_noted

    def changed(self) -> None:
        """Write soon."""
        self._due.set()

    def hurry(self) -> None:
        """Write now: something waits for room."""
        self._due.set()
        self._urgent.set()

    # -- its task ----------------------------------------------------------------------------------------------

    async def around(self, work: Coroutine[Any, Any, None]) -> None:
        """Record a session while it works, and what is left when it is over."""
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._run(), name=f"recording {self._session.id}")
                try:
                    await work
                finally:
                    # Not cancelled: its thread could not be, and the end is written by another one.
                    self._is_over = True
                    self.hurry()
                    await writing
        finally:
            if self._session.is_abandoned:
                await self._leave()
            else:
                await self._finish()

    async def _run(self) -> None:
        while not self.is_given_up and not self._is_over:
            with suppress(TimeoutError):
                # What was written last is brought to the disk also when nothing follows it, and so on.
                is_waiting = self._file is not None and self._file.is_waiting
                async with asyncio.timeout(RECORDING_SYNC if is_waiting else None):
                    await self._due.wait()
            if not self.journal.is_filling:
                with suppress(TimeoutError):
                    async with asyncio.timeout(RECORDING_RETRY if self._is_failing else RECORDING_DELAY):
                        await self._urgent.wait()
            self._urgent.clear()
            self._due.clear()
            await self._write()

    async def _finish(self) -> None:
        """Write all that is left, and how it ended; nothing comes any more."""
        for _ in range(_LAST_TRIES):
            if self._file is None or self.is_given_up:
                return
            await self._write(is_last=True)
            if not self._is_failing:
                break
            await asyncio.sleep(RECORDING_RETRY)
        else:
            self._give_up()
            return
        try:
            chunk = await asyncio.to_thread(self._file.finish)
            await self._recordings.finished(self._session, self._file.writer, chunk)
        except WhaleError as error:
            self._recordings.failed(self._session, error, OnUnrecorded.ALARM)
        finally:
            self._close()

    async def _leave(self) -> None:
        """Leave the recording to the next server."""
        async with self._is_busy:
            self._close()

    async def _write(self, *, is_last: bool = False) -> None:
        async with self._is_busy:
            if self._file is None or self.is_given_up or self._session.is_abandoned:
                return
            waiting = self.input.waiting
            end = self._end() if is_last else None
            try:
                await asyncio.to_thread(self._file.write, self._take(), end=end)
                self.done = self._file.done
                self._pass_on(waiting)
                closed = await self._next_chunk(self._file) if not is_last else None
            except WhaleError as error:
                self._fail(error)
                return
            except Exception as error:  # noqa: BLE001 - a fault in the recorder is one more way not to be recorded
                _log.exception("recording.crashed", session=self._session.id)
                self._file.forget(self.journal.now)
                self._fail(RecordingError("a fault in the server ended the recording", detail=repr(error)))
                return
            self._written(self._file, closed)

    def _take(self) -> Taken:
        """Take what has happened, in the order of time."""
        entries = self.journal.entries(self._taken)
        self._taken = entries[-1][0] if entries else self._taken
        beside, self._beside = self._beside, []
        if beside:
            entries = sorted(entries + beside, key=lambda each: each[1].at)
        logs = ((self.done[stream], log) for stream, log in self._session.logs.items())
        outputs = [Output(done, log.read(offset=done, size=log.end - done)) for done, log in logs]
        size = self._session.size if self._session.spec.tty else None
        return Taken(entries, outputs, self.input.position, size, self.journal.now)

    async def _next_chunk(self, file: RecordingFile) -> ClosedChunk | None:
        """Begin another part, at a moment of which it is known what the terminal shows."""
        if not file.is_full:
            return None
        frame: KeyFrame | None = None
        if not file.has_frames:
            frame = self._session.frame(self.done[Stream.STDOUT])
            if frame is None and self._session.picture is not None and not file.is_overdue:
                return None
        return await asyncio.to_thread(file.begin_chunk, frame)

    def _end(self) -> RecordedEvent:
        status, now = self._session.status, self.journal.now
        if status is None or status.code is None:
            reason = status.reason if status is not None else "it failed"
            return RecordedEvent(now, Code.MARKER, f"the session ended: {reason}".encode())
        return RecordedEvent(now, Code.EXIT, b"%d" % status.code)

    def _written(self, file: RecordingFile, closed: ClosedChunk | None) -> None:
        self.journal.trim(file.journal)
        if self._is_failing:
            self._is_failing = False
            _log.warning("recording.written_again", session=self._session.id)
        self.is_holding = False
        self._session.trim()
        self._recordings.written(self._session, file.writer, closed)

    def _pass_on(self, count: int) -> None:
        """Give the session its input back that is recorded, or need not be."""
        pieces = self.input.take(count)
        if not self.is_given_up or self.failure is OnUnrecorded.ALARM:
            self._session.input_recorded(pieces)

    # -- what goes wrong ---------------------------------------------------------------------------------------

    def _fail(self, error: WhaleError) -> None:
        if not self._is_failing:
            _log.error("recording.not_written", session=self._session.id, error=str(error), then=self.failure.value)
            self._recordings.failed(self._session, error, self.failure)
            self._session.notify(code=RecordingError.default_code, message=_SAID[self.failure])
        self._is_failing = True
        if self.failure is OnUnrecorded.HOLD and self._file is not None:
            self.is_holding = True
            self._session.pause()
            self.changed()
            return
        self._give_up()
        if self.failure is not OnUnrecorded.ALARM:
            self._session.end(reason=RecordingError.default_code)

    def _give_up(self) -> None:
        self.is_given_up = True
        self._close()
        self.done = dict.fromkeys(self.done, _EVERYTHING)
        self._beside.clear()
        self._pass_on(self.input.waiting)
        self._session.trim()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


_STREAMS = (Stream.STDOUT, Stream.STDERR)

_EVERYTHING = 2**63

_LAST_TRIES = 10
"""How often the end of a recording is tried to be written."""

_SAID = {
    OnUnrecorded.ALARM: "the session is not recorded any more, and goes on",
    OnUnrecorded.HOLD: "the session can't be recorded, and stands still until it can",
    OnUnrecorded.END: "the session can't be recorded, and ends",
}
