"""Ends and signals what a session started, on this machine or through its container.

An engine can't kill an exec. On the engine's own host the process table does it, in milliseconds and without
anything in the container; elsewhere a helper script in the container does.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from signal import SIGCONT, SIGHUP, SIGKILL, SIGTERM, Signals
from typing import NamedTuple

from whale.engine.docker.client import EngineClient, ExecState
from whale.engine.docker.containers import container_state
from whale.engine.docker.helper import Helper
from whale.engine.docker.host import HostTree, Process, is_in_container, read_mark, read_process, read_processes
from whale.engine.docker.status import poll_exec
from whale.engine.docker.stream import Dial
from whale.engine.seam import EndPolicy
from whale.model.container import ContainerState
from whale.model.errors import EngineError, ExecError, TargetError
from whale.model.exec import ExecSpec, Signal
from whale.model.ids import ContainerId
from whale.model.limits import ENGINE_TIMEOUT

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


class Tree(NamedTuple):
    """What is known of one session's processes."""

    exec_id: str
    """Empty when nobody knows which exec it is."""
    container: ContainerId
    mark: str
    """The value of SESSION_VARIABLE in their environment."""
    spec: ExecSpec
    """As whom they run."""
    is_confined: bool = False
    """Leave processes alone that bear the mark outside of the container."""


class ProcessTable:
    """Reads this machine's process table in one thread; callers that come together share a reading."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whale-proc")
        self._lock = threading.Lock()
        self._next: asyncio.Future[list[Process]] | None = None
        """A reading that has not begun; changed under the lock, because the thread may be faster than we are."""

    async def read(self) -> list[Process]:
        """Return the table as it is after this call."""
        with self._lock:
            if self._next is None:
                self._next = asyncio.get_running_loop().run_in_executor(self._pool, self._read)
            reading = self._next
        return await asyncio.shield(reading)

    def _read(self) -> list[Process]:
        with self._lock:
            # Who asks from here on could miss what this reading has passed already.
            self._next = None
        return read_processes()

    def close(self) -> None:
        """End the thread when it is idle."""
        self._pool.shutdown(wait=False)


class Processes:
    """Ends and signals execs of one engine."""

    def __init__(self, client: EngineClient, dial: Dial, buffer: memoryview, *, may_use_host: bool = True) -> None:
        self._client = client
        self._helper = Helper(client, dial, buffer)
        self._table = ProcessTable()
        self._is_on_host = None if may_use_host else False
        """Whether the engine runs on this machine; None while nobody has looked."""

    def close(self) -> None:
        """Let go of the thread. Idempotent."""
        self._table.close()

    def is_alive(self, tree: Tree, pid: int) -> bool:
        """True when this machine's process table shows the exec's first process; False says nothing."""
        return pid > 0 and read_mark(pid) == tree.mark and read_process(pid) is not None

    async def end(self, tree: Tree, policy: EndPolicy) -> bool:
        """HUP, TERM, KILL to the whole tree until nothing is left. True when nothing is."""
        state = await self._state(tree) if tree.exec_id else None
        if await self._sees(tree, state):
            try:
                return await self._end_here(tree, state, policy)
            except PermissionError:
                self._is_on_host = False
        return await self._end_there(tree, policy)

    async def signal(self, tree: Tree, signal: Signal) -> None:
        """Signal the command's process group; nothing when it has ended."""
        state = await self._state(tree)
        if state is not None and not state.is_running:
            return
        if state is not None and await self._sees(tree, state):
            first = read_process(state.pid)
            try:
                if first is not None:
                    os.killpg(first.group, Signals[f"SIG{signal.value}"])
            except ProcessLookupError:
                return
            except PermissionError:
                self._is_on_host = False
            else:
                return
        await self._helper.signal(tree.container, tree.spec, tree.mark, signal)

    async def is_here(self, containers: Sequence[ContainerId]) -> bool:
        """True when the engine's processes are in this machine's process table, by a look at its containers."""
        for container in containers:
            if self._is_on_host is None:
                self._is_on_host = await self._look_for_container(container)
        return bool(self._is_on_host)

    async def read_table(self) -> list[Process]:
        """Read this machine's process table."""
        return await self._table.read()

    async def look_there(self, container: ContainerId, spec: ExecSpec, server: str) -> list[str]:
        """Look for a server's sessions whose command runs in a container; return their marks."""
        return await self._helper.find(container, spec, server)

    # --- here

    async def _state(self, tree: Tree) -> ExecState | None:
        """Ask for the exec, and wait for one that is just being started: it has neither number nor exit code."""
        try:
            return await poll_exec(
                self._client,
                tree.exec_id,
                lambda s: s.pid != 0 or (not s.is_running and s.code is not None),
                timeout=ENGINE_TIMEOUT,
            )
        except EngineError:
            return None

    async def _sees(self, tree: Tree, state: ExecState | None) -> bool:
        """True when the engine's processes are in this machine's process table."""
        if self._is_on_host is None:
            if state is not None and state.pid and read_mark(state.pid) == tree.mark:
                self._is_on_host = True
            else:
                await self.is_here([tree.container])
        return bool(self._is_on_host)

    async def _look_for_container(self, container: ContainerId) -> bool | None:
        """Look for the container's first process; None when the container can't tell."""
        try:
            described = await self._client.inspect_container(container)
        except (EngineError, TargetError):
            return None
        pid = (described.get("State") or {}).get("Pid")
        if not isinstance(pid, int) or pid <= 0:
            return None
        return is_in_container(pid, str(described.get("Id", container)))

    async def _end_here(self, tree: Tree, state: ExecState | None, policy: EndPolicy) -> bool:
        root = state.pid if state is not None and state.is_running else 0
        with HostTree(tree.mark, container=tree.container if tree.is_confined else "") as found:
            steps = ((SIGHUP, policy.hup), (SIGTERM, policy.term), (SIGKILL, policy.kill))
            for number, patience in steps:
                if await self._step(found, number, patience, root):
                    return True
                root = 0
        return False

    async def _step(self, found: HostTree, number: Signals, patience: float, root: int) -> bool:
        """Signal everything that is found, newcomers too, and look until nothing is or the patience is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        pause = _FIRST_PAUSE
        told: set[int] = set()
        while True:
            alive = found.look(await self._table.read(), root)
            root = 0
            if not alive:
                return True
            for pid in alive - told:
                found.send(pid, number)
                if number != SIGKILL:
                    found.send(pid, SIGCONT)  # a stopped process can't act on the other one
            told |= alive
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    # --- there

    async def _end_there(self, tree: Tree, policy: EndPolicy) -> bool:
        if await self._is_halted(tree.container):
            return True
        for name, patience in (("HUP", policy.hup), ("TERM", policy.term), ("KILL", policy.kill)):
            try:
                if await self._helper.end(tree.container, tree.spec, tree.mark, name, patience):
                    return True
            except (EngineError, ExecError, TargetError):
                break
        return await self._is_halted(tree.container)

    async def _is_halted(self, container: ContainerId) -> bool:
        """True for a container that has no processes: it is gone, or does not run. One that is paused keeps them."""
        try:
            described = await self._client.inspect_container(container)
        except TargetError as error:
            return error.code == "target.not_found"
        except EngineError:
            return False
        word = str((described.get("State") or {}).get("Status", ""))
        return container_state(word) in (ContainerState.CREATED, ContainerState.EXITED, ContainerState.DEAD)
