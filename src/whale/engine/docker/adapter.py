"""`Engine` for the Docker Engine API and for Podman's compatible one.

Holds nothing that breaks when the engine goes away: the next call after its return works. Never starts a
process that it does not also end when the start is given up half-way.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Sequence

from whale.engine.background import Background
from whale.engine.docker.client import EngineClient, EngineVersion
from whale.engine.docker.containers import inspected_container, listed_container
from whale.engine.docker.dial import Address
from whale.engine.docker.errors import state_error
from whale.engine.docker.exec import DockerExec
from whale.engine.docker.failures import refused_start
from whale.engine.docker.kept import open_kept
from whale.engine.docker.logs import stream_logs
from whale.engine.docker.notes import ExecNotes
from whale.engine.docker.processes import Processes
from whale.engine.docker.start import StartPlan, plan_start
from whale.engine.docker.started import Started, described
from whale.engine.docker.stream import READ_BUFFER, open_stream
from whale.engine.seam import NOTES_SIZE, EndPolicy, EngineInfo, ExecOutput
from whale.model.container import Container, ContainerState
from whale.model.errors import EngineError, ExecError, TargetError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import ContainerId, SessionId
from whale.model.terminal import TerminalSize

log = logging.getLogger("whale.engine")

ABANDONED = EndPolicy(hup=0.1, term=0.5, kill=5.0)
"""For a command whose start was given up: nobody has used it, so it is given little time."""

CLOSING_GRACE = 5.0
"""Seconds that closing waits for commands to be ended whose start was given up."""


class DockerEngine:
    """One engine. Cheap to make: it connects at the first call, from whichever event loop makes it."""

    def __init__(self, address: Address, *, name: str, server: str = "") -> None:
        """`server` is what this server's execs are marked with, to be found again by its successors."""
        self._address = address
        self._server = server
        self._name = name
        self._made: EngineClient | None = None
        self._background = Background()
        self._buffer = memoryview(bytearray(READ_BUFFER))
        self._processes: Processes | None = None

    @property
    def name(self) -> str:
        """The name users see in the ENGINE column."""
        return self._name

    async def info(self) -> EngineInfo:
        """Ask the engine for its version."""
        return (await self._client.version(again=True)).info

    async def containers(self, *, all: bool = False) -> list[Container]:
        """List containers, by name."""
        found = [listed_container(e, self._name) for e in await self._client.list_containers(all=all)]
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
    ) -> DockerExec:
        """Start a command; see `Engine.start_exec`."""
        kept = ExecNotes(notes if notes is not None else memoryview(bytearray(NOTES_SIZE)))
        version = await self._client.version()
        plan = plan_start(spec, api=version.api, kind=version.info.kind)
        try:
            return await self._start(container, spec, plan, session, output, kept)
        except TargetError as error:
            if error.code != "target.no_shell" or not spec.command:
                raise
        return await self._start_without_wrapper(container, spec, version, session, output, kept)

    async def _start_without_wrapper(
        self,
        container: ContainerId,
        spec: ExecSpec,
        version: EngineVersion,
        session: SessionId,
        output: ExecOutput,
        notes: ExecNotes,
    ) -> DockerExec:
        """Start where there is no shell to wait for the size: it comes when the command is up, a little late."""
        plan = plan_start(spec, api=version.api, kind=version.info.kind, wrap=False)
        started = await self._start(container, spec, plan, session, output, notes)
        await started.resize(spec.size or TerminalSize(cols=80, rows=24))
        return started

    async def _start(
        self,
        container: ContainerId,
        spec: ExecSpec,
        plan: StartPlan,
        session: SessionId,
        output: ExecOutput,
        notes: ExecNotes,
    ) -> DockerExec:
        exec_id = await self._create(container, spec, plan, session)
        started = Started(exec_id, container, session, spec, plan)
        made = self._exec(started, output, notes)
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
            self._background.start(self._abandon(made, opening), name=f"abandoned exec {exec_id[:12]}")
            raise
        return made

    def _exec(self, started: Started, output: ExecOutput, notes: ExecNotes) -> DockerExec:
        return DockerExec(
            started,
            client=self._client,
            processes=self._process_finder,
            background=self._background,
            output=output,
            notes=notes,
        )

    def adopt_exec(
        self,
        description: bytes,
        descriptors: Sequence[int],
        notes: memoryview,
        *,
        session: SessionId,
        output: ExecOutput,
    ) -> DockerExec:
        """Go on with an exec of a process that died; see `Engine.adopt_exec`."""
        started = described(description)
        if started.session != session:
            raise EngineError("this exec is another session's")
        made = self._exec(started, output, ExecNotes(notes))
        made.adopt(descriptors, self._buffer)
        return made

    async def end_leftovers(self, alive: Collection[SessionId], policy: EndPolicy) -> int:
        """End what this server's predecessors left; see `Engine.end_leftovers`. Only on the engine's own host."""
        return await self._process_finder.end_leftovers(self._server, alive, policy)

    async def _open(self, made: DockerExec, started: Started, notes: ExecNotes) -> None:
        def refusal(status: int, text: str, what: str) -> WhaleError:
            return refused_start(status, text, what, started.spec, started.plan)

        path, body = self._client.path(f"exec/{started.id}/start"), started.plan.start_body
        if self._address.path:
            made.opened(
                await open_kept(
                    self._address.path,
                    path,
                    body,
                    owner=made,
                    buffer=self._buffer,
                    notes=notes,
                    has_input=started.plan.stdin,
                    refusal=refusal,
                )
            )
        else:
            made.opened(
                await open_stream(self._address.dial, path, body, owner=made, buffer=self._buffer, refusal=refusal)
            )
        if started.plan.waits_for_size and started.spec.size is not None:
            await made.give_first_size(started.spec.size)

    async def _create(self, container: ContainerId, spec: ExecSpec, plan: StartPlan, session: SessionId) -> str:
        try:
            return await self._client.create_exec(container, spec, plan, session)
        except TargetError:
            raise
        except EngineError as error:
            # Podman answers 500 for states that Docker answers 409 for: look at the container itself.
            await self._check_state(container, str(error.detail))
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
            self._made = EngineClient(self._address, self._name, server=self._server)
        return self._made

    @property
    def _process_finder(self) -> Processes:
        if self._processes is None:
            self._processes = Processes(self._client, self._address.dial, self._buffer)
        return self._processes
