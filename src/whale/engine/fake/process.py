"""One exec of the fake engine: an `Exec` to whoever started it, a small operating system to its program.

A program is `async def program(process: FakeProcess) -> int`; what it returns is the exit status. It reads with
`read`, writes with `write`, and ends at a signal unless it traps it. One that raises ends with status 1.
"""

import asyncio
from collections.abc import Awaitable, Callable
from signal import Signals

from whale.engine.background import Background
from whale.engine.fake.container import FakeContainer
from whale.engine.fake.terminal import Terminal
from whale.engine.seam import EndPolicy, ExecOutput
from whale.engine.sources import Sources
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.ids import SessionId
from whale.model.limits import KIB, MAX_PIECE
from whale.model.terminal import TerminalSize

PIPE_CAPACITY = 64 * KIB
"""Input that a process has not read and that still counts as delivered, as in a pipe of Linux."""

_TURN = 256 * KIB
"""Output after which a program lets others run, even if nobody makes it wait."""


class FakeProcess:
    """See the module's text. Attributes without a leading underscore are for programs and tests."""

    __slots__ = (
        "_background", "_buffer", "_done", "_failure", "_free", "_is_closed", "_is_input_over", "_is_over",
        "_output", "_readable", "_since_turn", "_sources", "_status", "_stop_after", "_task", "_terminal",
        "_totals", "_trapped", "_was_pending", "argv", "container", "env", "id", "session", "signals", "size", "spec",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        container: FakeContainer,
        spec: ExecSpec,
        session: SessionId,
        output: ExecOutput,
        background: Background,
    ) -> None:
        self.id = f"fake-{number}"
        self.container = container
        self.spec = spec
        self.session = session
        self.argv = spec.command
        self.env = container.env | dict(spec.env) | {"WHALE_SESSION": session}
        self.size = spec.size
        self.signals: list[Signal] = []
        """Signals that were sent so far, trapped ones too."""
        self._output = output
        self._background = background
        self._terminal = Terminal() if spec.tty else None
        self._buffer = bytearray()
        self._is_input_over = not spec.stdin and not spec.tty
        self._was_pending = False
        self._readable: asyncio.Future[None] | None = None
        self._free: asyncio.Future[None] | None = None
        """Pending while output is paused."""
        self._trapped: set[Signal] = set()
        self._since_turn = 0
        self._sources = Sources()
        self._totals = [0, 0, 0]
        self._stop_after: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._status: ExitStatus | None = None
        self._failure: WhaleError | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_closed = False
        self._is_over = False

    # --- for programs

    async def read(self, size: int = PIPE_CAPACITY) -> bytes:
        """Read up to `size` bytes of input; empty at its end."""
        while not self._buffer:
            if self._is_input_over:
                return b""
            self._readable = asyncio.get_running_loop().create_future()
            await self._readable
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        if self._was_pending and not self.stdin_pending:
            self._was_pending = False
            self._output.stdin_drained()
        return data

    async def write(self, data: bytes, stream: Stream = Stream.STDOUT) -> None:
        """Write output; waits while the other side has paused it."""
        for begin in range(0, len(data), MAX_PIECE):
            piece = data[begin : begin + MAX_PIECE]
            while self._free is not None:
                await asyncio.shield(self._free)
            self.emit(piece, stream)
            self._since_turn += len(piece)
            if self._since_turn >= _TURN:
                self._since_turn = 0
                await asyncio.sleep(0)

    def emit(self, data: bytes, stream: Stream = Stream.STDOUT) -> None:
        """Write output at once, paused or not, `MAX_PIECE` at most: for programs that look at `is_paused`."""
        if self._terminal is not None:
            data, stream = self._terminal.show(data), Stream.STDOUT
        self._send(data, stream)

    @property
    def is_paused(self) -> bool:
        """True while nobody wants output."""
        return self._free is not None

    def trap(self, *signals: Signal) -> None:
        """Ignore these signals from now on; `signals` still records them. KILL can't be trapped."""
        self._trapped.update(s for s in signals if s is not Signal.KILL)

    def set_raw(self, raw: bool) -> None:
        """Switch the terminal between lines with echo and single keys without."""
        if self._terminal is not None:
            self._terminal.raw = raw

    # --- for the engine

    def run(self, program: Callable[["FakeProcess"], Awaitable[int]]) -> None:
        """Start the program."""
        self.container.processes.add(self)
        self._task = self._background.start(self._run(program), name=f"{self.id} {self.argv[:1]}")
        # A task that is cancelled before its first step never enters its `try`: so not there.
        self._task.add_done_callback(self._ended)

    def fail(self, error: WhaleError) -> None:
        """Be a command that could not be started, as an engine says it: afterwards."""
        self._failure = error
        asyncio.get_running_loop().call_soon(self._finish, None)

    def cut_after(self, size: int) -> None:
        """Lose the stream, and all knowledge of the status, once `size` bytes of output were sent."""
        self._stop_after = size

    def cut(self, reason: str) -> None:
        """Lose the stream and the status now. The program is killed."""
        self._finish(ExitStatus(None, reason))
        if self._task is not None:
            self._task.cancel()

    def kill_with_container(self, *, is_gone: bool) -> None:
        """Die with the container: with status 137 that the engine still knows, or for ever unknown."""
        if is_gone:
            self.cut("target.gone")
        else:
            self._deliver(Signal.KILL)

    # --- Exec

    @property
    def stdin_pending(self) -> int:
        """Bytes that do not fit into the process's pipe."""
        return 0 if self._is_over else max(0, len(self._buffer) - PIPE_CAPACITY)

    def write_stdin(self, data: bytes | memoryview, *, source: int = 0) -> None:
        """Send input."""
        self._type(bytes(data))
        self._sources.accept(source, len(data))
        self._sources.settle(pending=self.stdin_pending)

    def stdin_delivered(self, source: int) -> int:
        """Bytes of that source that fitted into the process's pipe, or that nobody will read."""
        self._sources.settle(pending=self.stdin_pending)
        return self._sources.delivered(source)

    @property
    def is_stdin_ended(self) -> bool:
        """True when the input was closed."""
        return self._is_input_over

    def output_delivered(self, stream: Stream) -> int:
        """Bytes of that stream that were written."""
        return self._totals[stream]

    def descriptors(self) -> tuple[int, ...]:
        """Nothing: it is a part of this process."""
        return ()

    def describe(self) -> bytes:
        """Nothing that would help a successor."""
        return b"{}"

    def _type(self, data: bytes) -> None:
        if self._is_over or (self._is_input_over and self._terminal is None):
            return
        if self._terminal is not None:
            typed = self._terminal.type(data)
            self._send(typed.echo, Stream.STDOUT)
            for signal in typed.signals:
                self._deliver(signal)
            data, self._is_input_over = typed.ready, self._is_input_over or typed.is_end
        self._buffer += data
        self._was_pending = self.stdin_pending > 0
        self._wake_reader()

    def end_stdin(self) -> None:
        """Half-close; a terminal has none."""
        if self._terminal is None:
            self._is_input_over = True
            self._wake_reader()

    def pause_output(self) -> None:
        """Hold the program at its next write."""
        if self._free is None:
            self._free = asyncio.get_running_loop().create_future()

    def resume_output(self) -> None:
        """Let it go on."""
        free, self._free = self._free, None
        if free is not None and not free.done():
            free.set_result(None)

    async def resize(self, size: TerminalSize) -> None:
        """Change the size."""
        if self._terminal is not None and not self._is_over:
            self.size = size

    async def signal(self, signal: Signal) -> None:
        """Send a signal."""
        self._deliver(signal)

    async def wait(self) -> ExitStatus:
        """How the program ended."""
        await asyncio.shield(self._done)
        if self._failure is not None:
            raise self._failure
        return self._status or ExitStatus(None, "engine.failed")

    async def end(self, policy: EndPolicy) -> bool:
        """HUP, TERM, KILL."""
        steps = ((Signal.HUP, policy.hup), (Signal.TERM, policy.term), (Signal.KILL, policy.kill))
        for signal, patience in steps:
            if self._task is None or self._task.done():
                break
            self._deliver(signal)
            await asyncio.wait([self._task], timeout=patience)
        return self._task is None or self._task.done()

    async def aclose(self) -> None:
        """Let go of the stream; the program runs on, its output goes nowhere."""
        self._is_closed = True
        self.resume_output()

    # --- inside

    async def _run(self, program: Callable[["FakeProcess"], Awaitable[int]]) -> None:
        code = await program(self)
        while self._free is not None:
            await asyncio.shield(self._free)
        self._finish(ExitStatus(code & 0xFF))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.container.processes.discard(self)
        failed = not task.cancelled() and task.exception() is not None
        self._finish(ExitStatus(1) if failed else self._status or ExitStatus(137))

    def _deliver(self, signal: Signal) -> None:
        if self._is_over:
            return
        self.signals.append(signal)
        if signal not in self._trapped and self._task is not None:
            self._status = ExitStatus(128 + Signals[f"SIG{signal.value}"])
            self._task.cancel()

    def _send(self, data: bytes, stream: Stream) -> None:
        if not data or self._is_closed or self._is_over:
            return
        if self._stop_after is not None:
            data = data[: self._stop_after]
            self._stop_after -= len(data)
        if data:
            self._output.output_received(stream, data)
            self._output.output_committed()
            self._totals[stream] += len(data)
        if self._stop_after == 0:
            self.cut("engine.unavailable")

    def _finish(self, status: ExitStatus | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._status = status
        self._buffer.clear()
        if not self._done.done():
            self._done.set_result(None)
        if not self._is_closed:
            self._output.output_ended()

    def _wake_reader(self) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)


Program = Callable[[FakeProcess], Awaitable[int]]
