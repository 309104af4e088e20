"""A session: one exec in one container, its output logs, and the attachment that controls it.

States only move forward: STARTING → RUNNING → ENDED. A session that is kept outlives its controller's connection: it
waits for the controller to come back, for as long as it is kept. Any other ends with its controller, and leaves no
process behind.
"""

import asyncio
import time
from collections.abc import Mapping
from enum import IntEnum

import structlog

from whale.engine.seam import EndPolicy, Engine, Exec
from whale.model.byte_log import ByteLog
from whale.model.container import Container
from whale.model.errors import ExecError, ProtocolError, TargetError, WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.ids import SessionId
from whale.model.limits import MAX_QUEUED_SIGNALS, MIN_LOG, WINDOW_PIPE
from whale.model.principal import Decision
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment

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
        end: EndPolicy,
        window: int = WINDOW_PIPE,
        keep: float = 0.0,
    ) -> None:
        """`keep`: seconds to wait for a controller whose connection broke; 0 for a session that ends with it."""
        self.id = id
        self.container = container
        self.spec = spec
        self.decision = decision
        self.started = time.time()
        self.state = SessionState.STARTING
        self.status: ExitStatus | None = None
        """How the exec ended; set when the state is ENDED, unless `failure` is."""
        self.failure: WhaleError | None = None
        """Why the exec could not be started."""
        self.logs = {stream: ByteLog(window=max(MIN_LOG, window)) for stream in OUTPUT_STREAMS}
        self.bytes_in = 0
        self.keep = keep
        self.key = ("", "")
        """Where the registry finds it for a client that comes back."""
        self._engine = engine
        self._end_policy = end
        self._exec: Exec | None = None
        self._attachment: Attachment | None = None
        self._paused = False
        self._output_over = False
        self._end_requested = False
        self._lost = ExitStatus(code=None, reason="session.gone")
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._started = asyncio.Event()
        self._released = asyncio.Event()
        self._expiry: asyncio.TimerHandle | None = None
        self._is_stdin_ended = False
        self._wanted_size: TerminalSize | None = None
        self._signals: list[Signal] = []

    def attach(self) -> Attachment:
        """Attach the controller, at the first byte still held. One at a time in this version."""
        if self._attachment is not None:
            raise RuntimeError("this session has its controller")
        self._attachment = Attachment(self)
        return self._attachment

    def resume(self, *, received: Mapping[Stream, int], consumed: Mapping[Stream, int]) -> Attachment:
        """Attach a controller that comes back, at the bytes it has `received`, or later where those have gone.

        What it has `consumed` nobody needs any more. Its former connection, which may not know yet that it is broken,
        loses the session. Raises `ProtocolError` for bytes that were never sent.
        """
        former = self._attachment
        if any(received[stream] > log.end for stream, log in self.logs.items()):
            raise ProtocolError("more was received than was sent", code="protocol.flow")
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._attachment = Attachment(self, received=received)
        if former is not None:
            former.supersede()
        for stream, log in self.logs.items():
            self.acknowledge(stream, offset=max(log.start, consumed[stream]))
        return self._attachment

    def lose(self, attachment: Attachment) -> None:
        """Note that an attachment's connection broke: wait for its return, or end."""
        if attachment is not self._attachment:
            return  # somebody else has the session already
        if not self.keep:
            self.leave(attachment)
            return
        if self._expiry is None:
            self._expiry = asyncio.get_running_loop().call_later(self.keep, self._expire)
            _log.info("session.waiting", session=self.id, seconds=self.keep)
        if self.spec.tty:
            self._roll()

    def leave(self, attachment: Attachment) -> None:
        """Note that an attachment's client has left for good, or has everything: end."""
        if attachment is self._attachment:
            self._released.set()
            if not self.is_over:
                self.end()

    def give_up(self, *, reason: str = "session.gone") -> None:
        """End a session whose client will not come back; one that has its client is left alone."""
        if not self.is_attached:
            self._released.set()
            self.end(reason=reason)

    def _expire(self) -> None:
        self.give_up(reason="session.expired")

    @property
    def is_attached(self) -> bool:
        """True while the controller has a connection, as far as is known."""
        return self._attachment is not None and self._expiry is None

    async def wait_released(self) -> None:
        """Wait until nobody needs to know any more how it ended."""
        if self.keep:
            await self._released.wait()
        if self._expiry is not None:
            self._expiry.cancel()

    async def wait_started(self) -> None:
        """Wait until the exec runs, or is known never to."""
        await self._started.wait()

    @property
    def is_over(self) -> bool:
        """True when no more output comes and how it ended is known."""
        return self.state is SessionState.ENDED

    @property
    def bytes_out(self) -> int:
        """Bytes the command has written so far."""
        return sum(log.end for log in self.logs.values())

    @property
    def is_stdin_ended(self) -> bool:
        """True when no more input is taken."""
        return self._is_stdin_ended or not self.spec.stdin

    @property
    def stdin_consumed(self) -> int:
        """Offset of the input up to which everything has left for the engine."""
        return self.bytes_in - (self._exec.stdin_pending if self._exec is not None else 0)

    # -- what the controller does ------------------------------------------------------------------------------

    def write_stdin(self, data: bytes) -> None:
        """Pass input on. The attachment's peer keeps within its credit, which bounds what waits here."""
        self.bytes_in += len(data)
        if self._exec is not None and self.state is SessionState.RUNNING:
            self._exec.write_stdin(data)

    def end_stdin(self) -> None:
        """Half-close."""
        self._is_stdin_ended = True
        if self._exec is not None and self.state is SessionState.RUNNING:
            self._exec.end_stdin()

    def resize(self, size: TerminalSize) -> None:
        """Ask for a size; only the latest one matters, and an engine that is slow with it delays nothing else."""
        self._wanted_size = size
        self._changed.set()

    def signal(self, signal: Signal) -> None:
        """Ask for a signal. A flood of them is cut off: the command gets the first ones."""
        if len(self._signals) < MAX_QUEUED_SIGNALS:
            self._signals.append(signal)
            self._changed.set()

    def acknowledge(self, stream: Stream, *, offset: int) -> None:
        """Forget output the controller has; let the exec go on when there is room again."""
        log = self.logs[stream]
        log.trim(offset=offset)
        if self._paused and all(log.has_room for log in self.logs.values()):
            self._paused = False
            if self._exec is not None:
                self._exec.resume_output()

    def end(self, *, reason: str = "session.gone", at_once: bool = False) -> None:
        """Ask for the end of the session: its process tree is ended and its task finishes. Idempotent.

        `reason` is the error code its client will read in the status; `at_once` skips the polite signals.
        """
        if reason == "server.stopping":
            self._released.set()  # nobody can come back
        if at_once:
            self._end_policy = self._end_policy._replace(hup=0, term=0)
        if not self._end_requested:
            self._end_requested = True
            self._lost = ExitStatus(code=None, reason=reason)
        self._wake.set()

    def notify(self, *, code: str, message: str) -> None:
        """Leave a word for the controller's user."""
        if self._attachment is not None:
            self._attachment.notify(code=code, message=message)

    # -- ExecOutput: what the engine says ----------------------------------------------------------------------

    def output_received(self, stream: Stream, data: bytes) -> None:
        """Number the bytes and wake who waits for them."""
        if self._end_requested:
            return
        log = self.logs[stream]
        log.append(data)
        if self._expiry is not None and self.spec.tty:
            self._roll()
        if log.is_full and not self._paused:
            self._paused = True
            if self._exec is not None:
                self._exec.pause_output()
        if self._attachment is not None:
            self._attachment.wake()

    def _roll(self) -> None:
        """Let a terminal go on while nobody looks: its oldest bytes leave the window. A pipe waits instead."""
        for stream, log in self.logs.items():
            if log.is_full:
                self.acknowledge(stream, offset=log.end - log.window // 2)

    def output_ended(self) -> None:
        """Note that the stream is over; the session's task asks for the status."""
        self._output_over = True
        self._wake.set()

    def stdin_drained(self) -> None:
        """Input has left: the attachment may acknowledge it."""
        if self._attachment is not None:
            self._attachment.wake()

    # -- the session's own task --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start the exec, see it to its end, and leave nothing behind. Raises nothing but cancellation."""
        try:
            exec = await self._engine.start_exec(self.container.id, self.spec, session=self.id, output=self)
        except WhaleError as error:
            self._finish(failure=error)
            return
        self._exec = exec
        status: ExitStatus | None = self._lost
        failure: WhaleError | None = None
        try:
            status = await self._follow(exec)
        except (ExecError, TargetError) as error:  # it was never started
            status, failure = None, error
        except WhaleError as error:
            failure = error
        finally:
            if status is not None and status.is_lost:
                # Nobody saw it end, so it may still run (PROTOCOL.md section 6).
                await self._end_tree(exec)
            await exec.aclose()
            self._finish(status=status if failure is None else None, failure=failure)

    async def _follow(self, exec: Exec) -> ExitStatus:
        self.state = SessionState.RUNNING
        if self._paused:
            exec.pause_output()
        self._started.set()
        async with asyncio.TaskGroup() as tasks:
            control = tasks.create_task(self._control(exec), name=f"control {self.id}")
            await self._wake.wait()
            control.cancel()
        return await exec.wait() if self._output_over else self._lost

    def crash(self) -> None:
        """Tell whoever is attached that a fault of whale's own ended this session."""
        self._finish(failure=WhaleError("a fault in the server ended the session"))

    async def _control(self, exec: Exec) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                if (size := self._wanted_size) is not None:
                    self._wanted_size = None
                    await exec.resize(size)
                while self._signals:
                    await exec.signal(self._signals.pop(0))
            except WhaleError as error:
                _log.warning("session.control_failed", session=self.id, error=str(error))

    async def _end_tree(self, exec: Exec) -> None:
        try:
            if not await exec.end(self._end_policy):
                _log.error("session.processes_left", session=self.id, container=self.container.id)
        except WhaleError as error:
            _log.error("session.end_failed", session=self.id, container=self.container.id, error=str(error))

    def _finish(self, *, status: ExitStatus | None = None, failure: WhaleError | None = None) -> None:
        if self.state is SessionState.ENDED:
            return
        self.status, self.failure = status, failure
        self.state = SessionState.ENDED
        self._started.set()
        if self._attachment is not None:
            self._attachment.wake()
