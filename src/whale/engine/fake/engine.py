"""`Engine` in memory.

Behaves like the real ones where callers can tell: what fails early and late, what order callbacks come in, what
a terminal does to bytes. Never touches a file, a socket or a process.
"""

import os
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

from whale.engine.background import Background
from whale.engine.fake.container import FakeContainer
from whale.engine.fake.process import FakeProcess, Program
from whale.engine.fake.programs import PROGRAMS
from whale.engine.fake.shell import Shell
from whale.engine.seam import EndPolicy, EngineInfo, ExecOutput, Permit
from whale.model.container import Container, ContainerState
from whale.model.errors import EngineError, EngineUnavailable, ExecError, TargetError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import ContainerId, SessionId
from whale.model.text import printable

_STATES = {ContainerState.PAUSED: "target.paused", ContainerState.RESTARTING: "target.restarting"}


class FakeEngine:
    """See the package's text. Must be closed: it then kills what still runs in it."""

    def __init__(self, *, name: str = "fake") -> None:
        self._name = name
        self._containers: list[FakeContainer] = []
        self._programs: dict[str, Program] = dict(PROGRAMS)
        self._background = Background()
        self._count = 0
        self._is_down = False
        self._next_error: WhaleError | None = None
        self._next_cut: int | None = None

    @classmethod
    def from_url(cls, url: str, *, name: str) -> "FakeEngine":
        """Make an engine from `fake://` or `fake://NAME,NAME…`: with containers of these names, else `web` and `db`."""
        engine = cls(name=name)
        for container in (url.removeprefix("fake://").strip("/") or "web,db").split(","):
            engine.add_container(container)
        return engine

    # --- what tests do with it

    def add_container(self, name: str, *, state: ContainerState = ContainerState.RUNNING) -> FakeContainer:
        """Add a container and return it, to be changed."""
        made = FakeContainer(name, state=state)
        self._containers.append(made)
        return made

    def remove_container(self, name: str) -> None:
        """Remove a container with all that runs in it; how that ended is then unknown for ever."""
        gone = self._find(name)
        self._containers.remove(gone)
        gone.halt(ContainerState.DEAD, removed=True)

    def stop_container(self, name: str) -> None:
        """Stop a container: all that runs in it is killed, and the engine reports 137."""
        self._find(name).halt(ContainerState.EXITED)

    def add_program(self, name: str, program: Program) -> None:
        """Let all containers run `program` under this name."""
        self._programs[name] = program

    def fail_next_start(self, error: WhaleError) -> None:
        """Let the next `start_exec` raise this."""
        self._next_error = error

    def cut_next_stream(self, *, after: int) -> None:
        """Let the next exec lose its stream after so many bytes of output, its status for ever unknown."""
        self._next_cut = after

    def go_down(self) -> None:
        """Be an engine that does not answer; what runs loses its stream."""
        self._is_down = True
        for container in self._containers:
            for process in tuple(container.processes):
                process.cut("engine.unavailable")

    def come_back(self) -> None:
        """Answer again. What ran before is gone."""
        self._is_down = False

    @property
    def running(self) -> int:
        """How many execs run."""
        return sum(len(container.processes) for container in self._containers)

    # --- Engine

    @property
    def name(self) -> str:
        """The name users see in the ENGINE column."""
        return self._name

    async def info(self) -> EngineInfo:
        """Describe itself."""
        self._check_up()
        return EngineInfo(self._name, "fake", "1.0", "1.0")

    async def containers(self, *, all: bool = False) -> list[Container]:
        """List containers, by name."""
        self._check_up()
        listed = [c.describe(self._name) for c in self._containers if all or c.state is ContainerState.RUNNING]
        return sorted(listed, key=lambda container: container.name)

    async def container(self, reference: str) -> Container:
        """Resolve a name, id or unique prefix of an id."""
        self._check_up()
        return self._find(reference).describe(self._name)

    async def start_exec(
        self,
        container: ContainerId,
        spec: ExecSpec,
        *,
        session: SessionId,
        output: ExecOutput,
        notes: memoryview | None = None,  # noqa: ARG002 - its processes end with it
        permit: Permit | None = None,
    ) -> FakeProcess:
        """Start a program; see `Engine.start_exec`. Without a terminal, a start that fails fails afterwards."""
        self._check_up()
        error, self._next_error = self._next_error, None
        if error is not None:
            raise error
        target = self._find(container)
        _check_state(target)
        if permit is not None:
            await permit()
        self._count += 1
        process = FakeProcess(self._count, target, spec, session, output, self._background)
        if self._next_cut is not None:
            process.cut_after(self._next_cut)
            self._next_cut = None
        try:
            process.run(self._program(target, spec))
        except (ExecError, TargetError) as failure:
            if spec.tty:
                raise
            process.fail(failure)
        return process

    def adopt_exec(
        self,
        description: bytes,  # noqa: ARG002
        descriptors: Sequence[int],
        notes: memoryview,  # noqa: ARG002
        *,
        session: SessionId,  # noqa: ARG002
        output: ExecOutput,  # noqa: ARG002
    ) -> FakeProcess:
        """Refuse: what ran in another process's fake engine is gone with it."""
        for descriptor in descriptors:
            os.close(descriptor)
        raise EngineError("the fake engine can't take over what another one ran")

    async def end_leftovers(self, alive: Collection[SessionId], policy: EndPolicy) -> int:  # noqa: ARG002
        """Find nothing: all that runs in it, it has started itself."""
        self._check_up()
        return 0

    async def logs(
        self, container: ContainerId, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """Stream a container's own log."""
        self._check_up()
        async with aclosing(self._find(container).read_log(follow=follow, tail=tail)) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        """Kill what runs. Idempotent."""
        await self._background.aclose()

    # --- inside

    def _check_up(self) -> None:
        if self._is_down:
            raise EngineUnavailable("the container engine can't be reached", detail="the fake engine is down")

    def _find(self, reference: str) -> FakeContainer:
        for found in self._containers:
            if reference in (found.name, found.id):
                return found
        matches = [c for c in self._containers if reference and c.id.startswith(reference)]
        if len(matches) > 1:
            raise TargetError("that prefix fits more than one container", code="target.ambiguous")
        if not matches:
            raise TargetError("no such container", hint="`whale ps --all` lists the containers.")
        return matches[0]

    def _program(self, container: FakeContainer, spec: ExecSpec) -> Program:
        """Pick what to run. Raises what an engine says when it can't."""
        user = spec.user.partition(":")[0]
        if user and not user.isdigit() and user not in container.users:
            raise ExecError(f"no such user in the container: {printable(spec.user)}", code="exec.user")
        if spec.workdir and spec.workdir not in container.directories:
            raise ExecError("no such working directory in the container", code="exec.workdir")
        if not spec.command:
            if not container.has_shell:
                raise TargetError("the container has no shell", code="target.no_shell")
            return self._login_shell
        name = spec.command[0].rpartition("/")[2]
        if name in ("sh", "bash") and container.has_shell:
            return self._shell
        if name not in self._programs:
            raise ExecError(f"no such command in the container: {printable(name)}", code="exec.not_found")
        return self._programs[name]

    async def _shell(self, process: FakeProcess) -> int:
        if process.argv[1:2] in (("-c",), ("-lc",)) and len(process.argv) > 2:
            return await Shell(process, self._programs).script(process.argv[2])
        return await self._login_shell(process)

    async def _login_shell(self, process: FakeProcess) -> int:
        return await Shell(process, self._programs).interact()


def _check_state(container: FakeContainer) -> None:
    if container.state is not ContainerState.RUNNING:
        code = _STATES.get(container.state, "target.not_running")
        raise TargetError(f"the container is {container.state.value}", code=code)
