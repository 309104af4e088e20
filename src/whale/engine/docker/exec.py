"""One running command: its stream, its beginning, its end.

Owns the stream of exactly one exec. Never decides how long it may live: whoever started it does.
"""

import asyncio

from whale.engine.background import Background
from whale.engine.docker.client import EngineClient, ExecState
from whale.engine.docker.failures import marked_failure, not_started, start_failure
from whale.engine.docker.notes import Ending, Notes, OutputState
from whale.engine.docker.outflow import Outflow
from whale.engine.docker.processes import Processes
from whale.engine.docker.started import Started
from whale.engine.docker.status import LOST_FAILED, LOST_UNAVAILABLE, exit_status, final_state, poll_exec, why_lost
from whale.engine.docker.stream import EngineStream
from whale.engine.seam import EndPolicy, ExecOutput
from whale.model.errors import EngineError, EngineUnavailable, TargetError, WhaleError
from whale.model.exec import ExitStatus, Signal, Stream
from whale.model.limits import ENGINE_TIMEOUT
from whale.model.terminal import TerminalSize

START_TIMEOUT = 4 * ENGINE_TIMEOUT
"""Seconds an engine may need from the request to the running command, when many start at once."""

_RETRY_PAUSE = 0.1
_PODMAN_NOT_STARTED = (125, 126, 127)


class DockerExec:
    """An `Exec` on a Docker or Podman engine. Made by `DockerEngine`, which starts or adopts it."""

    def __init__(
        self,
        started: Started,
        *,
        client: EngineClient,
        processes: Processes,
        background: Background,
        output: ExecOutput,
        notes: Notes,
        state: OutputState | None = None,
    ) -> None:
        """`state` is of an exec that is adopted, from its notes."""
        self._started = started
        self._client = client
        self._processes = processes
        self._background = background
        self._output = output
        self._notes = notes
        self._outflow = Outflow(
            started.plan,
            tty=started.spec.tty,
            receive=output.output_received,
            committed=output.output_committed,
            notes=notes,
            state=state,
        )
        self._is_unseen = state is not None
        """Adopted, and nobody has looked yet at what an earlier process left."""
        self._stream: EngineStream | None = None
        self._failure: WhaleError | None = None
        self._status: ExitStatus | None = None
        self._cut: Exception | None = None
        """What broke the stream, when it did not end in order: output may be missing."""
        self._stream_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_settling = False
        self._is_end_told = False
        self._is_closed = False
        self._is_waiting = started.plan.waits_for_size
        """The wrapper waits for its size; until then there is nobody to hand output to."""

    # --- Exec

    @property
    def id(self) -> str:
        """The engine's own id of the exec."""
        return self._started.tree.exec_id

    @property
    def session_mark(self) -> str:
        """What marks its processes."""
        return self._started.tree.mark

    @property
    def stdin_pending(self) -> int:
        """Bytes accepted that have not left for the engine yet."""
        return self._stream.pending if self._stream else 0

    def write_stdin(self, data: bytes | memoryview, *, source: int = 0) -> None:
        """Send input; dropped when the command can't read any more."""
        if self._stream:
            self._stream.write(data, source=source)

    def stdin_delivered(self, source: int) -> int:
        """How many bytes of that source have left for the engine."""
        return self._stream.delivered(source) if self._stream else 0

    @property
    def is_stdin_ended(self) -> bool:
        """True when the input was closed."""
        return self._notes.ending != Ending.OPEN

    def output_delivered(self, stream: Stream) -> int:
        """How many bytes of that stream have been handed over."""
        return self._outflow.total(stream)

    def descriptors(self) -> tuple[int, ...]:
        """What must be kept so that it can be adopted; nothing until it has really been started."""
        return self._stream.descriptors() if self._stream and not self._is_waiting else ()

    def describe(self) -> bytes:
        """What else a successor must be told."""
        return self._started.describe()

    def end_stdin(self) -> None:
        """Half-close. A terminal has no such thing: for the engine it would end the output as well."""
        if self._stream and not self._started.spec.tty:
            self._stream.half_close()

    def pause_output(self) -> None:
        """Stop reading."""
        if self._stream:
            self._stream.pause()

    def resume_output(self) -> None:
        """Read on."""
        if self._stream:
            self._stream.resume()
        if self._is_unseen:
            self._is_unseen = False
            asyncio.get_running_loop().call_soon(self._look)

    async def resize(self, size: TerminalSize) -> None:
        """Change the terminal's size; an engine that no longer has the command refuses, which is no failure."""
        if not self._started.spec.tty or self._stream_over.done():
            return
        try:
            await self._client.resize_exec(self.id, size)
        except EngineUnavailable:
            raise
        except (EngineError, TargetError):
            return

    async def signal(self, signal: Signal) -> None:
        """Send a signal to the command's process group."""
        await self._processes.signal(self._started.tree, signal)

    async def wait(self) -> ExitStatus:
        """How the command ended. Raises `ExecError` or `TargetError` when it was never started."""
        if self._failure is not None:
            raise self._failure
        if self._status is None:
            self._status = await self._find_status()
        return self._status

    async def end(self, policy: EndPolicy) -> bool:
        """End the whole process tree."""
        return await self._processes.end(self._started.tree, policy)

    async def aclose(self) -> None:
        """Let go of the stream; nothing more is handed over, and nothing more is noted."""
        self._is_closed = True
        self.leave_notes()
        if self._stream:
            self._stream.close()
        if not self._stream_over.done():
            self._stream_over.set_result(None)

    def leave_notes(self) -> None:
        """Note nothing more, and hand over nothing more: the memory may go."""
        self._outflow.close()
        self._notes.close()

    # --- the start

    def opened(self, stream: EngineStream) -> None:
        """Take the stream. Until then nothing can be written."""
        self._stream = stream
        if not self._is_unseen:
            self._look()

    async def give_first_size(self, size: TerminalSize) -> None:
        """Set the size and let the waiting wrapper go on. Raises what says why nothing was started."""
        await self._resize_when_up(size)
        if self._stream_over.done():
            raise self._start_failure()
        self._is_waiting = False
        self._outflow.await_wrapper()
        assert self._stream is not None
        self._stream.write(b"\n", source=None)

    async def _resize_when_up(self, size: TerminalSize) -> None:
        """Resize, which waits for the process; a start that failed ends the stream, and so the waiting."""
        resize = self._background.start(
            self._first_resize(size), name=f"first size of exec {self.id[:12]}", errors="caller"
        )
        try:
            await asyncio.wait((resize, self._stream_over), return_when=asyncio.FIRST_COMPLETED)
            if resize.done():
                resize.result()
        finally:
            resize.cancel()

    async def _first_resize(self, size: TerminalSize) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        while True:
            try:
                await self._client.resize_exec(self.id, size)
            except EngineUnavailable:
                raise
            except (EngineError, TargetError):
                if not await self._is_still_starting() or loop.time() >= deadline:
                    # There is no such process: its start failed, and the stream says so in a moment.
                    await asyncio.wait([self._stream_over], timeout=ENGINE_TIMEOUT)
                    if not self._stream_over.done():
                        raise
                    return
                await asyncio.sleep(_RETRY_PAUSE)
            else:
                return

    async def _is_still_starting(self) -> bool:
        """Docker waits 10 s for the process, which is not enough when hundreds start at once."""
        state = await self._client.inspect_exec(self.id)
        return state is not None and (state.is_running or state.code is None)

    def _start_failure(self) -> WhaleError:
        """Read what is held back as the reason for a failed start; it is not output."""
        text = self._outflow.take_held().decode("utf-8", "replace")
        mark = self._started.plan.mark.decode()
        if mark and text.startswith(mark):
            return marked_failure(text.removeprefix(mark), self._started.spec)
        return start_failure(text, self._started.spec, self._started.plan)

    # --- StreamOwner

    def bytes_received(self, data: memoryview) -> None:
        """Take apart, hand on and note."""
        self._outflow.feed(data)
        if not self._outflow.is_plain:
            self._look()

    def _look(self) -> None:
        """Act on what the outflow found, which may have been in an earlier process."""
        if self._is_closed:
            return
        if self._outflow.is_broken and self._stream and not self._stream_over.done():
            self._stream.close()
            self.stream_ended(None)
        elif self._outflow.is_match and not self._is_waiting:
            self._settle()

    def stdin_drained(self) -> None:
        """Pass on."""
        self._output.stdin_drained()

    def stream_ended(self, error: Exception | None) -> None:
        """End the output, after a look at what is held back."""
        self._cut = self._cut or error or self._outflow.fault()
        if not self._stream_over.done():
            self._stream_over.set_result(None)
        if self._is_waiting:
            return
        if self._outflow.held:
            self._settle()
        else:
            self._end_output()

    def _end_output(self) -> None:
        if not self._is_closed and not self._is_end_told:
            self._is_end_told = True
            self._output.output_ended()

    # --- is it output, or the reason why there is none?

    def _settle(self) -> None:
        if not self._is_settling:
            self._is_settling = True
            self._background.start(self._find_out(), name=f"start of exec {self.id[:12]}")

    async def _find_out(self) -> None:
        """Ask the engine whether the command ran, and show or drop what is held back."""
        if not await self._has_started():
            await asyncio.wait([self._stream_over], timeout=ENGINE_TIMEOUT)
            # What proves that it runs may have come meanwhile.
            if self._outflow.is_guarding:
                self._failure = self._start_failure()
        self._is_settling = False
        self._outflow.release()
        if self._stream_over.done():
            self._end_output()

    async def _has_started(self) -> bool:
        mark = self._started.plan.mark
        if mark and self._outflow.held.startswith(mark):
            return False
        try:
            state = await poll_exec(
                self._client, self.id, lambda s: s.pid != 0 or not s.is_running, timeout=ENGINE_TIMEOUT
            )
        except EngineError:
            return True
        return state is None or state.pid != 0 or not self._says_start_failed(state)

    def _says_start_failed(self, state: ExecState) -> bool:
        """Docker keeps the number of a process that ran. Podman forgets it, so its exit code has to do."""
        if self._started.plan.kind == "podman":
            return state.code in _PODMAN_NOT_STARTED and self._outflow.is_match
        return bool(state.code)

    # --- the end

    async def _find_status(self) -> ExitStatus:
        if isinstance(self._cut, EngineError):
            return LOST_FAILED
        try:
            if self._cut is not None:
                return await why_lost(self._client, self._started.tree.container)
            tree = self._started.tree
            state = await final_state(self._client, self.id, is_alive=lambda pid: self._processes.is_alive(tree, pid))
            if state is not None and state.pid == 0 and state.code and self._started.plan.kind == "docker":
                raise not_started(self._started.spec, f"exit code {state.code} without a process")
            return await exit_status(self._client, tree.container, state)
        except EngineUnavailable:
            return LOST_UNAVAILABLE
        except EngineError:
            return LOST_FAILED
