"""A session: one exec in one container, its output logs, and who is attached to it.

States only move forward: STARTING → RUNNING → ENDED. A session outlives its clients' connections (attendance.py); when
it ends it leaves no process behind (run.py).
"""

import asyncio
import time
from collections.abc import Sequence
from enum import IntEnum

import structlog

from whale.engine.seam import EndPolicy, Engine, Exec
from whale.model.container import Container
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.ids import SessionId
from whale.model.limits import MIN_LOG, WINDOW_PIPE
from whale.model.principal import Decision
from whale.model.terminal import TerminalSize
from whale.recording.event import KeyFrame
from whale.session.attachment import Attachment
from whale.session.attendance import Attendance
from whale.session.audience import MAX_SOURCES, NO_SOURCE, Audience, Index
from whale.session.control import Control
from whale.session.journal import Entry
from whale.session.memory import SessionMemory
from whale.session.observer import NO_OBSERVER
from whale.session.picture import Picture
from whale.session.record import SessionRecord, encode_record, failure_of
from whale.session.recorder import Recorder
from whale.session.ring import RingLog
from whale.session.shelf import Shelf

_log = structlog.get_logger("whale.session")

OUTPUT_STREAMS = (Stream.STDOUT, Stream.STDERR)


class SessionState(IntEnum):
    """Compared by order: it never goes back."""

    STARTING = 0
    RUNNING = 1
    ENDED = 2


class Session:
    """Made by the registry, run by its task; implements `ExecOutput` for its exec."""

    def __init__(
        self,
        *,
        id: SessionId,
        engine: Engine,
        container: Container,
        spec: ExecSpec,
        decision: Decision,
        memory: SessionMemory,
        shelf: Shelf,
        end: EndPolicy,
        window: int = WINDOW_PIPE,
        keep: float = 0.0,
        name: str = "",
        index: Index | None = None,
    ) -> None:
        """`keep`: seconds to wait for a controller whose connection broke, or for anybody after one detached."""
        self.id = id
        self.name = name
        self.container = container
        self.spec = spec
        self.decision = decision
        self.started = time.time()
        self.touched = self.started
        """When there was last any input or output."""
        self.rested = 0.0
        """When it last gave back what it did not need; see `rest.py`."""
        self.state = SessionState.STARTING
        self.status: ExitStatus | None = None
        """How the exec ended; set when the state is ENDED, unless `failure` is."""
        self.failure: WhaleError | None = None
        """Why the exec could not be started."""
        self.memory = memory
        self.logs = {
            stream: RingLog(memory.logs[number], window=max(MIN_LOG, window), note=memory.starts[number])
            for number, stream in enumerate(OUTPUT_STREAMS)
        }
        self.audience = Audience(tty=spec.tty, index=index if index is not None else {})
        self.control = Control()
        self.attendance = Attendance(self, self.audience, keep=keep)
        self.engine = engine
        self.observer = NO_OBSERVER
        self.end_policy = end
        self.exec: Exec | None = None
        self.picture = Picture(spec.size, memory) if spec.tty else None
        self.recorder: Recorder | None = None
        """Of a session that is recorded."""
        self._size = spec.size
        self._shelf = shelf
        self._paused = False
        self.is_abandoned = False
        """True when this server has left the session to the next one: nothing that happens here matters to it."""
        self.is_let_go = False
        """True when its memory is gone, or is the next server's."""
        self.is_output_over = False
        self._end_requested = False
        self.lost = ExitStatus(code=None, reason="session.gone")
        """The status of a session whose end nobody saw."""
        self._wake = asyncio.Event()
        self._started = asyncio.Event()
        self._written = [0] * (NO_SOURCE + 1)
        """Bytes of input taken from each writer; the last one is nobody and stays at 0."""
        self._is_stdin_ended = False

    def restore(self, record: SessionRecord, exec: Exec | None) -> None:
        """Be what an earlier server wrote down; `exec` is its exec again, unless it has ended."""
        self.started = record.started
        self.exec = exec  # before it goes on: this server too may be killed now, and what it wrote down must name it
        self._size = record.size
        ends = record.ends if exec is None else [exec.output_delivered(stream) for stream in self.logs]
        for log, end in zip(self.logs.values(), ends, strict=True):
            log.end = end
        written = record.written if exec is None else [exec.stdin_delivered(n) for n in range(self.sources)]
        self._written = [*written, 0]
        self._is_stdin_ended = exec is None or exec.is_stdin_ended
        if self.picture is not None:
            self.picture = Picture(record.saved_size, self.memory, changes=record.changes)
            self.picture.answered_until(self.logs[Stream.STDOUT].end)
        if exec is None:
            self.state, self.status, self.failure = SessionState.ENDED, record.status, failure_of(record)
            self._started.set()
        self.attendance.restore(record)

    # -- what is known of it -----------------------------------------------------------------------------------

    async def wait_started(self) -> None:
        """Wait until the exec runs, or is known never to."""
        await self._started.wait()

    @property
    def is_over(self) -> bool:
        """True when no more output comes and how it ended is known."""
        return self.state is SessionState.ENDED

    @property
    def owner(self) -> str:
        """The name of the principal who began it."""
        return self.decision.principal.name

    @property
    def size(self) -> TerminalSize | None:
        """Of the terminal, if it has one."""
        return self._size

    @property
    def bytes_in(self) -> int:
        """Bytes of input taken so far."""
        return sum(self._written)

    @property
    def bytes_out(self) -> int:
        """Bytes the command has written so far."""
        return sum(log.end for log in self.logs.values())

    @property
    def is_stdin_ended(self) -> bool:
        """True when no more input is taken."""
        return self._is_stdin_ended or not self.spec.stdin

    @property
    def sources(self) -> int:
        """How many writers are told apart."""
        return NO_SOURCE

    def written(self, source: int) -> int:
        """Bytes of input taken from a writer."""
        return self._written[source]

    def begin_input(self, source: int) -> int:
        """Return the bytes of input taken from whoever had a writer's place before."""
        if self.recorder is not None:
            self.recorder.input.begin(source)
        return self._written[source]

    def stdin_received(self, attachment: Attachment) -> int:
        """Offset behind the last byte of a writer's input."""
        return self._written[attachment.source] - attachment.input_base

    def stdin_consumed(self, attachment: Attachment) -> int:
        """Offset of a writer's input up to which everything has left for the engine."""
        received = self.stdin_received(attachment)
        if self.exec is None or self.is_over or not received:
            return received
        return max(0, min(received, self.exec.stdin_delivered(attachment.source) - attachment.input_base))

    @property
    def has_picture(self) -> bool:
        """True when it is known what its terminal shows."""
        return self.picture is not None and self.picture.is_known

    def repaint(self) -> bytes:
        """Return what brings a terminal, whatever is on it, to this session's picture as it is now."""
        return self.picture.repaint(self.logs[Stream.STDOUT]) if self.picture is not None else b""

    def frame(self, at: int) -> KeyFrame | None:
        """Return what its terminal showed at an offset of the output; None when that is not known."""
        found = self.picture.frame(self.logs[Stream.STDOUT], at=at) if self.picture is not None else None
        return KeyFrame(0, found[0].cols, found[0].rows, found[1]) if found is not None else None

    def audience_changed(self) -> None:
        """Follow the smallest controller's size, and let one terminal answer."""
        self.audience.refresh()
        size = self.audience.size()
        if size is not None and size != self._size:
            self._size = size
            if self.picture is not None:
                self.picture.resized(self.logs[Stream.STDOUT].end, size)
            self.control.resize(size)
            if self.recorder is not None:
                self.recorder.resized(size)
        self.save()

    def left_at(self, offset: int) -> None:
        """Note what was sent to a terminal that has left: that was its own to answer; the rest is ours meanwhile."""
        if self.picture is not None:
            self.picture.answered_until(offset)

    # -- what controllers do -----------------------------------------------------------------------------------

    def write_stdin(self, attachment: Attachment, data: bytes | memoryview) -> None:
        """Pass input on. What nobody will read is not counted, or its sender would be told that it was consumed."""
        if self.exec is None or self.state is not SessionState.RUNNING or self._is_stdin_ended:
            return
        self._written[attachment.source] += len(data)
        self.touched = time.time()
        source = attachment.source
        if self.recorder is None or self.recorder.typed(source, data, self._written[source]):
            self.exec.write_stdin(data, source=source)

    def input_recorded(self, pieces: Sequence[Entry]) -> None:
        """Pass on what waited until it was recorded, and the end of the input."""
        if not pieces or self.exec is None or self.state is not SessionState.RUNNING:
            return
        for piece in pieces:
            self.exec.write_stdin(piece.data, source=piece.source)
        if self._is_stdin_ended:
            self.end_stdin()
        self.stdin_drained()

    def end_stdin(self) -> None:
        """Half-close."""
        self._is_stdin_ended = True
        is_waiting = self.recorder is not None and self.recorder.input.waiting
        if self.exec is not None and self.state is SessionState.RUNNING and not is_waiting:
            self.exec.end_stdin()

    def abandon(self) -> None:
        """Leave the session to the next server: from here on nothing is read, written or ended."""
        self.is_abandoned = self.is_let_go = True
        if self.exec is not None:
            self.exec.pause_output()
        for attachment in self.audience.members:
            attachment.wake()
        self.attendance.release(at_once=True)  # whoever still asks how it ended asks the next server
        self._wake.set()

    def close(self) -> None:
        """Let go of the memory and the emulator; nobody may use the session any more."""
        self.is_let_go = True
        if self.picture is not None:
            self.picture.close()
        self.memory.close()

    def end(self, *, reason: str = "session.gone", at_once: bool = False) -> None:
        """Ask for the end of the session: its process tree is ended and its task finishes. Idempotent.

        `reason` is the error code its clients will read in the status; `at_once` skips the polite signals.
        """
        if self.is_abandoned:
            return
        if reason in ("server.stopping", "session.killed", "auth.revoked", "access.withdrawn"):
            # Nobody can come back to a server that stops, or without a credential or the right; who killed it knows.
            self.attendance.release(at_once=reason == "server.stopping")
        if at_once:
            self.end_policy = self.end_policy._replace(hup=0, term=0)
        if not self._end_requested:
            self._end_requested = True
            self.lost = ExitStatus(code=None, reason=reason)
        self._wake.set()

    def notify(self, *, code: str, message: str) -> None:
        """Leave a word for everybody who is attached."""
        for attachment in self.audience.members:
            attachment.notify(code=code, message=message)

    # -- ExecOutput: what the engine says ----------------------------------------------------------------------

    def output_received(self, stream: Stream, data: bytes) -> None:
        """Number the bytes and wake who waits for them."""
        if self._end_requested or self.is_abandoned:
            return
        log = self.logs[stream]
        if not log.fits(len(data)):
            self._make_room(log)
        log.append(data)
        self.touched = time.time()
        if self.recorder is not None:
            self.recorder.output(stream - 1, log.end)
        if self.picture is not None and log.end - self.picture.offset > log.capacity // 2:
            # Feed it faster than output comes, so that there is not all of it to be fed when the log has no room left.
            self.picture.catch_up(log, to=min(log.end, self.picture.offset + 2 * len(data)))
        if log.is_full:
            self.trim()
            if log.is_full and not self._paused:
                self.pause()

    def output_committed(self) -> None:
        """Send what has been numbered: a later server will not be handed it again."""
        if self.picture is not None and not self.audience.is_controlled:
            self._answer()
        for attachment in self.audience.members:
            attachment.wake()

    def mark(self, label: str) -> None:
        """Note in the recording, if there is one, who comes and goes."""
        if self.recorder is not None:
            self.recorder.marked(label)

    def pause(self) -> None:
        """Take no output until there is room again, and the recorder holds nothing. Idempotent."""
        self._paused = True
        if self.exec is not None:
            self.exec.pause_output()
        if self.recorder is not None:
            self.recorder.hurry()

    def _make_room(self, log: RingLog) -> None:
        """Let a terminal's oldest bytes leave the log. A pipe's never do: it is paused long before it is full."""
        if self.picture is not None:
            # Nobody needs more than a window, also the recorder not, or the exec would have been paused.
            oldest = max(log.start, log.end - log.capacity // 2)
            if self.picture.saved_at < oldest:
                self.picture.save(log, to=oldest)
            log.trim(offset=oldest)
            self.save()

    def trim(self) -> None:
        """Note what every controller has; let the exec go on when there is room again.

        A pipe forgets it. A terminal keeps it for as long as there is room, and without a controller it needs nothing
        and goes on, where a pipe waits.
        """
        for stream, log in self.logs.items():
            needed = self.audience.needed(stream)
            if needed is None and self.spec.tty:
                needed = log.end
            if self.recorder is not None and needed is not None:
                needed = min(needed, self.recorder.done[stream])
            if self.spec.tty:
                log.needed = max(log.needed, needed or 0)
            elif needed is not None and needed > log.start:
                log.trim(offset=needed)
        is_held = self.recorder is not None and self.recorder.is_holding
        if self._paused and not is_held and all(log.has_room for log in self.logs.values()):
            self._paused = False
            if self.exec is not None:
                self.exec.resume_output()

    def save(self) -> None:
        """Write down what a later server needs to know of this session, where it can have its memory."""
        if self.memory.descriptor >= 0 and not self.memory.write_record(encode_record(self)):
            _log.error("session.record_too_long", session=self.id)

    def _answer(self) -> None:
        """Answer what a program asks its terminal while nobody is there whose terminal could."""
        assert self.picture is not None
        replies = self.picture.answer(self.logs[Stream.STDOUT])
        if replies and self.exec is not None and self.state is SessionState.RUNNING and not self.exec.stdin_pending:
            self.exec.write_stdin(replies, source=MAX_SOURCES)

    def output_ended(self) -> None:
        """Note that the stream is over; the session's task asks for the status."""
        self.is_output_over = True
        self._wake.set()

    def stdin_drained(self) -> None:
        """Input has left: the attachments may acknowledge it."""
        for attachment in self.audience.members:
            attachment.wake()

    # -- what the session's own task does (run.py) -------------------------------------------------------------

    def begin(self, exec: Exec) -> None:
        """Note that the command runs."""
        self.exec = exec
        self.state = SessionState.RUNNING
        self.save()
        descriptors = exec.descriptors()
        if self._shelf.is_useful and descriptors:
            self._shelf.put(self.id, (self.memory.descriptor, *descriptors))
        if self._paused:
            exec.pause_output()
        else:
            exec.resume_output()  # one that was adopted waits for it
        self._started.set()

    async def wait_end(self) -> None:
        """Wait until the output is over or somebody wants the session to end."""
        await self._wake.wait()

    def finish(self, *, status: ExitStatus | None = None, failure: WhaleError | None = None) -> None:
        """Note how it ended, or why it never began. The first word counts."""
        if self.state is SessionState.ENDED:
            return
        self.status, self.failure = status, failure
        self.state = SessionState.ENDED
        self._started.set()
        for attachment in self.audience.members:
            attachment.wake()
        self.attendance.over()
        self.save()
        if self.id in self._shelf:
            self._shelf.put(self.id, (self.memory.descriptor,))
