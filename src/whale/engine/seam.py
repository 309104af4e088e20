"""What whale asks of a container engine.

`Engine` finds containers and starts execs; `Exec` is one running command; `ExecOutput` is what the owner of an
exec implements to be handed its output. Output is pushed and not pulled: a keystroke's echo then crosses the
server with one task switch less, which is 3 % of its way. Backpressure is `pause_output` and `resume_output`,
with the meaning `asyncio.Transport` gives to the same words.

An exec may outlive the process that started it. Whoever wants that hands `start_exec` some memory for notes, and
gives the memory, `Exec.descriptors` and `Exec.describe` to a process that keeps them. When this process is killed, at
whatever moment, the next one calls `adopt_exec` and goes on at the very byte.

All methods raise only `EngineError` (with `EngineUnavailable`), `TargetError` and `ExecError`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from whale.model.container import Container
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.ids import ContainerId, SessionId
from whale.model.limits import KIB
from whale.model.terminal import TerminalSize

NOTES_SIZE = 24 * KIB
"""Bytes of the memory for one exec's notes. Nearly always only the first page of it is ever touched."""

SOURCES = 16
"""How many writers of one exec's input are told apart."""

Permit = Callable[[], Awaitable[None]]
"""Returns when a command may run, and raises `WhaleError` when it may not. It may be called more than once."""


class ExecOutput(Protocol):
    """Receives what an exec writes. Called from the event loop; must not block or raise."""

    def output_received(self, stream: Stream, data: bytes) -> None:
        """Take bytes the command wrote. With a terminal all of them are STDOUT."""
        ...

    def output_committed(self) -> None:
        """Be told that what was handed over is noted: whoever adopts the exec will not hand it over again.

        Only from here on may it leave this process.
        """
        ...

    def output_ended(self) -> None:
        """Be told, once, that no more output comes. The owner then calls `Exec.wait`."""
        ...

    def stdin_drained(self) -> None:
        """Be told that input accepted so far has left for the engine. See `Exec.stdin_pending`."""
        ...


class EndPolicy(NamedTuple):
    """How long each step of ending a process tree may take, in seconds: HUP, then TERM, then KILL."""

    hup: float = 0.5
    term: float = 3.0
    kill: float = 5.0


class Exec(Protocol):
    """One command running in a container. Whoever started it must call `aclose`."""

    @property
    def id(self) -> str:
        """The engine's own id of the exec, for logs."""
        ...

    @property
    def stdin_pending(self) -> int:
        """Bytes accepted by `write_stdin` that have not left for the engine yet."""
        ...

    def write_stdin(self, data: bytes | memoryview, *, source: int = 0) -> None:
        """Send input. Never blocks; the caller watches `stdin_pending` and waits for `stdin_drained`.

        `source` says which of `SOURCES` writers the bytes are of; it only matters to `stdin_delivered`.
        """
        ...

    def stdin_delivered(self, source: int) -> int:
        """How many bytes of that source have left for the engine since the start. Never goes back.

        They get there whatever becomes of this process, so the source need not keep them. Bytes that nobody will
        ever read, because the command is gone or its input has ended, count as well.
        """
        ...

    @property
    def is_stdin_ended(self) -> bool:
        """True when the input was closed behind its last byte, or will be without anybody's doing."""
        ...

    def output_delivered(self, stream: Stream) -> int:
        """How many bytes of that stream have been handed over since the start, before an adoption too.

        They are counted when the call of `output_received` has returned. What a killed process was handed and did not
        count is handed over again after the adoption.
        """
        ...

    def descriptors(self) -> tuple[int, ...]:
        """What must be kept open, in this order, so that the exec can be adopted. The same until `aclose`.

        Empty when it can't be: while it is being started, after `aclose`, and where the engine or the way to it does
        not allow it. They stay the exec's own: whoever keeps them has duplicates.
        """
        ...

    def describe(self) -> bytes:
        """What else a successor must be told: JSON, without the values of environment variables. Never changes."""
        ...

    def end_stdin(self) -> None:
        """Half-close: the command sees the end of its input, its output goes on. Idempotent.

        Does nothing with a terminal, which has no half-close: its user types Ctrl-D.
        """
        ...

    def pause_output(self) -> None:
        """Stop reading from the engine; at most one buffer more is handed over. Idempotent."""
        ...

    def resume_output(self) -> None:
        """Read on after `pause_output`. Idempotent."""
        ...

    async def resize(self, size: TerminalSize) -> None:
        """Change the terminal's size. Does nothing for an exec that has ended or has no terminal."""
        ...

    async def signal(self, signal: Signal) -> None:
        """Send a signal to the command and its process group. Does nothing when it has ended."""
        ...

    async def wait(self) -> ExitStatus:
        """After `output_ended`: how the command ended. Polls with a deadline; `lost` when nobody knows.

        Also lost when the stream was cut, whatever the command did: output may be missing, so it never counts as
        a success.

        Raises `ExecError` or `TargetError` when the command was never started: see `Engine.start_exec`. Every
        further call gives the same answer.
        """
        ...

    async def end(self, policy: EndPolicy) -> bool:
        """End the whole process tree: HUP, TERM, KILL, until nothing is left. True when nothing is."""
        ...

    async def aclose(self) -> None:
        """Let go of the engine's stream: nothing more is handed to the `ExecOutput`, not even its end.

        Does not end the process: see `end`. Idempotent.
        """
        ...


class EngineInfo(NamedTuple):
    """What an engine says of itself."""

    name: str
    kind: str
    """`docker`, `podman` or `fake`."""
    version: str
    api_version: str


class Engine(Protocol):
    """One container engine."""

    @property
    def name(self) -> str:
        """The name users see in the ENGINE column."""
        ...

    async def info(self) -> EngineInfo:
        """Ask the engine for its version. Raises `EngineUnavailable` when it does not answer."""
        ...

    async def containers(self, *, all: bool = False) -> list[Container]:
        """List containers: the running ones, or all."""
        ...

    async def container(self, reference: str) -> Container:
        """Resolve a name, id or unique id prefix. Raises `TargetError` (not_found, ambiguous)."""
        ...

    async def start_exec(
        self,
        container: ContainerId,
        spec: ExecSpec,
        *,
        session: SessionId,
        output: ExecOutput,
        notes: memoryview | None = None,
        permit: Permit | None = None,
    ) -> Exec:
        """Start a command and return when it has been started; output may arrive before that.

        A terminal has its first size before the command's first instruction. The session's id goes into the
        command's environment as `WHALE_SESSION`, which is how its process tree is found again. Raises
        `TargetError` for a container that can't run it now, and `ExecError` when the engine can't start it; it
        then leaves nothing behind. An engine may find out only after this call has returned (waiting for it
        would cost every command a round trip): then the output ends without a byte, and `Exec.wait` raises the
        very same error.

        The command does not run before `permit` has returned, and never when that raises, which comes out of here as it
        is; what an engine can do before is done meanwhile.

        `notes` is NOTES_SIZE bytes of memory that the exec writes into until `Exec.aclose`, if it is to be adopted.
        """
        ...

    def adopt_exec(
        self,
        description: bytes,
        descriptors: Sequence[int],
        notes: memoryview,
        *,
        session: SessionId,
        output: ExecOutput,
    ) -> Exec:
        """Go on with an exec whose process was killed, from what `Exec.descriptors` and `describe` gave and its notes.

        Owns the descriptors, also when it fails. Nothing is handed over before `Exec.resume_output`, so that the
        caller can first look at `output_delivered` and `stdin_delivered`: the counts from which both sides go on.
        An exec that has ended meanwhile hands over the rest, then its end. Raises `EngineError` for notes,
        descriptors or a description that make no sense, and where nothing can be adopted.
        """
        ...

    async def end_leftovers(self, alive: Collection[SessionId], policy: EndPolicy) -> int:
        """End what an earlier server with the same id left running, but for the sessions in `alive`.

        That is every exec whose command still runs, and its whole tree; sessions of this very engine object are never
        touched. What a command that has ended left in the background is not touched either: it was meant to go on.
        Takes a minute at most. Returns how many sessions were ended.
        """
        ...

    def logs(
        self, container: ContainerId, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """Stream a container's own log. Ends when it ends; close the iterator to stop earlier."""
        ...

    async def aclose(self) -> None:
        """Close the connections to the engine. Idempotent."""
        ...
