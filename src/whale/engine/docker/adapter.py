"""`Engine` for the Docker Engine API and for Podman's compatible one.

Holds nothing that breaks when the engine goes away: the next call after its return works. Never starts a
process that it does not also end when the start is given up half-way.
"""

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncGenerator, Collection, Sequence

from whale.engine.background import Background
from whale.engine.docker.client import EngineClient, EngineVersion
from whale.engine.docker.containers import inspected_container, listed_container
from whale.engine.docker.dial import Address
from whale.engine.docker.errors import state_error
from whale.engine.docker.exec import DockerExec
from whale.engine.docker.failures import refused_start
from whale.engine.docker.leftovers import Leftovers
from whale.engine.docker.local import LocalStream, close_descriptors
from whale.engine.docker.logs import stream_logs
from whale.engine.docker.notes import Notes, OutputState, nonsense
from whale.engine.docker.processes import Processes, Tree
from whale.engine.docker.start import StartPlan, is_server_id, plan_start, session_mark
from whale.engine.docker.started import Started, read_description
from whale.engine.docker.stream import READ_BUFFER, open_stream
from whale.engine.seam import EndPolicy, EngineInfo, ExecOutput, Permit
from whale.model.container import Container, ContainerState
from whale.model.errors import EngineError, ExecError, TargetError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import ContainerId, SessionId
from whale.model.terminal import TerminalSize
from whale.model.turns import Turns

log = logging.getLogger("whale.engine")

ABANDONED = EndPolicy(hup=0.1, term=0.5, kill=5.0)
"""For a command whose start was given up: nobody has used it, so it is given little time."""

CLOSING_GRACE = 5.0
"""Seconds that closing waits for commands to be ended whose start was given up."""


class DockerEngine:
    """One engine. Cheap to make: it connects at the first call, from whichever event loop makes it."""

    def __init__(self, address: Address, *, name: str, server: str = "") -> None:
        """`server` is the id by which this server's sessions are told from those of others on the same engine."""
        if server and not is_server_id(server):
            raise ValueError(f"no id for a server: {server!r}")
        self._address = address
        self._name = name
        self._server = server
        self._made: EngineClient | None = None
        self._background = Background()
        self._buffer = memoryview(bytearray(READ_BUFFER))
        self._processes: Processes | None = None
        self._execs: weakref.WeakSet[DockerExec] = weakref.WeakSet()
        """Those that somebody still has."""

    @property
    def name(self) -> str:
        """The name users see in the ENGINE column."""
        return self._name

    async def info(self) -> EngineInfo:
        """Ask the engine for its version."""
        return (await self._client.version(again=True)).info

    async def containers(self, *, all: bool = False) -> list[Container]:
        """List containers, by name."""
        turns, found = Turns(), []
        for entry in await self._client.list_containers(all=all):
            await turns.give()
            found.append(listed_container(entry, self._name))
        return sorted(found, key=lambda container: container.name)

    async def container(self, reference: str) -> Container:
        """Resolve a name, id or unique prefix of an id."""
        return inspected_container(await self._client.inspect_container(reference), self._name)

    async def start_exec(
        self,
        container: ContainerId,
        spec: ExecSpec,
        *,
        session: SessionId,
        output: ExecOutput,
        notes: memoryview | None = None,
        permit: Permit | None = None,
    ) -> DockerExec:
        """Start a command; see `Engine.start_exec`."""
        version = await self._client.version()
        tree = Tree("", container, session_mark(session, server=self._server), spec)
        plan = plan_start(spec, api=version.api, kind=version.info.kind)
        try:
            return await self._start(tree, plan, output, notes, permit)
        except TargetError as error:
            if error.code != "target.no_shell" or not spec.command:
                raise
        return await self._start_without_wrapper(tree, version, output, notes, permit)

    async def _start_without_wrapper(
        self,
        tree: Tree,
        version: EngineVersion,
        output: ExecOutput,
        notes: memoryview | None,
        permit: Permit | None,
    ) -> DockerExec:
        """Start where there is no shell to wait for the size: it comes when the command is up, a little late."""
        plan = plan_start(tree.spec, api=version.api, kind=version.info.kind, wrap=False)
        started = await self._start(tree, plan, output, notes, permit)
        await started.resize(tree.spec.size or TerminalSize(cols=80, rows=24))
        return started

    async def _start(
        self, tree: Tree, plan: StartPlan, output: ExecOutput, memory: memoryview | None, permit: Permit | None
    ) -> DockerExec:
        exec_id = await self._create(tree, plan)
        if permit is not None:
            await permit()  # an exec that was only created runs nothing
        notes = Notes(memory)
        started = Started(tree._replace(exec_id=exec_id), tree.spec, plan)
        made = self._make(started, output, notes)
        opening = self._background.start(
            self._open(made, started, notes), name=f"start of exec {exec_id[:12]}", errors="caller"
        )
        try:
            # Once the engine was asked to start it, nothing but its answer tells what there is to end.
            await asyncio.shield(opening)
        except (ExecError, TargetError):
            await made.aclose()
            raise
        except (EngineError, asyncio.CancelledError):
            made.leave_notes()
            self._background.start(self._abandon(made, opening), name=f"abandoned exec {exec_id[:12]}")
            raise
        return made

    def _make(self, started: Started, output: ExecOutput, notes: Notes, state: OutputState | None = None) -> DockerExec:
        made = DockerExec(
            started,
            client=self._client,
            processes=self._process_finder,
            background=self._background,
            output=output,
            notes=notes,
            state=state,
        )
        self._execs.add(made)
        return made

    async def _open(self, made: DockerExec, started: Started, notes: Notes) -> None:
        def refusal(status: int, text: str, what: str) -> WhaleError:
            return refused_start(status, text, what, started.spec, started.plan)

        stream = await open_stream(
            self._address.dial,
            self._client.path(f"exec/{made.id}/start"),
            started.plan.start_body,
            owner=made,
            buffer=self._buffer,
            notes=notes,
            has_input=started.plan.stdin,
            refusal=refusal,
        )
        made.opened(stream)
        if started.plan.waits_for_size and started.spec.size is not None:
            await made.give_first_size(started.spec.size)

    async def _create(self, tree: Tree, plan: StartPlan) -> str:
        try:
            return await self._client.create_exec(tree.container, tree.spec, plan, tree.mark)
        except TargetError:
            raise
        except EngineError as error:
            # Podman answers 500 for states that Docker answers 409 for: look at the container itself.
            await self._check_state(tree.container, str(error.detail))
            raise

    async def _check_state(self, container: ContainerId, detail: str) -> None:
        found = await self.container(container)
        if found.state is not ContainerState.RUNNING:
            raise state_error(found.state.value, detail)

    async def _abandon(self, made: DockerExec, opening: asyncio.Task[None]) -> None:
        """End what a start that was given up has left behind, once it is known."""
        await asyncio.wait([opening])
        await made.aclose()
        if not await made.end(ABANDONED):
            log.warning("exec %s was given up while it started, and could not be ended", made.id)

    def adopt_exec(
        self,
        description: bytes,
        descriptors: Sequence[int],
        notes: memoryview,
        *,
        session: SessionId,
        output: ExecOutput,
    ) -> DockerExec:
        """Go on with an exec whose process was killed; see `Engine.adopt_exec`."""
        with contextlib.ExitStack() as stack:
            stack.callback(close_descriptors, descriptors)
            if not self._address.path:
                raise nonsense("an engine that is not reached by a socket of this machine")
            started = read_description(description)
            if started.tree.mark != session_mark(session, server=self._server):
                raise nonsense(f"{started.tree.mark} is not the mark of session {session}")
            kept = Notes.read(notes)
            stack.callback(kept.close)
            made = self._make(started, output, kept, kept.output())
            made.opened(LocalStream.adopt(descriptors, made, self._buffer, kept, has_input=started.plan.stdin))
            stack.pop_all()
        return made

    async def end_leftovers(self, alive: Collection[SessionId], policy: EndPolicy) -> int:
        """End what an earlier server with the same id left running; see `Engine.end_leftovers`."""
        if not self._server:
            return 0
        leftovers = Leftovers(self._client, self._process_finder, server=self._server)
        return await leftovers.end(lambda mark: mark in self._marks(alive), policy)

    def _marks(self, alive: Collection[SessionId]) -> set[str]:
        """The marks of `alive` and of all sessions of this object."""
        return {made.session_mark for made in self._execs} | {session_mark(s, server=self._server) for s in alive}

    def logs(
        self, container: ContainerId, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """Stream a container's own log; see `Engine.logs`."""
        return stream_logs(self._client, container, follow=follow, tail=tail)

    async def aclose(self) -> None:
        """End what was given up while it started, then close the connections."""
        await self._background.aclose(grace=CLOSING_GRACE)
        if self._processes is not None:
            self._processes.close()
            self._processes = None
        if self._made is not None:
            await self._made.aclose()
            self._made = None

    @property
    def _client(self) -> EngineClient:
        if self._made is None:
            asyncio.get_running_loop()
            self._made = EngineClient(self._address, self._name)
        return self._made

    @property
    def _process_finder(self) -> Processes:
        if self._processes is None:
            self._processes = Processes(self._client, self._address.dial, self._buffer)
        return self._processes
