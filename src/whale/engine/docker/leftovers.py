"""Finds what an earlier server with the same id left running, and ends it.

Left running is a session whose command still runs: a process with this server's mark whose parent is outside of its
container, because an engine starts every exec from there. What a command that has ended left in the background has
its parent inside, and was meant to go on. Nothing is touched that is not in a running container of this very engine.

On the engine's own host the process table shows all of it. Elsewhere a script looks, in the containers that have
execs of a whale's, once as each user of such an exec: it sees only that user's processes. It finds none in a
container that shares its host's process numbers.
"""

import asyncio
import logging
from collections.abc import Callable

from whale.engine.docker.client import EngineClient
from whale.engine.docker.containers import listed_container
from whale.engine.docker.host import find_roots
from whale.engine.docker.processes import Processes, Tree
from whale.engine.seam import EndPolicy
from whale.model.errors import EngineError, ExecError, TargetError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId

log = logging.getLogger("whale.engine")

TIME = 60.0
"""Seconds that all of it may take."""

_AT_ONCE = 8
"""Sessions ended, and containers looked into, at the same time."""


class Leftovers:
    """What was left on one engine."""

    def __init__(self, client: EngineClient, processes: Processes, *, server: str) -> None:
        self._client = client
        self._processes = processes
        self._server = server
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._ended = 0

    async def end(self, is_wanted: Callable[[str], bool], policy: EndPolicy) -> int:
        """End all whose mark is not wanted; return how many. Raises `EngineUnavailable`."""
        self._ended = 0
        try:
            async with asyncio.timeout(TIME):
                trees = await self.find()
                async with asyncio.TaskGroup() as group:
                    for tree in trees:
                        group.create_task(self._end(tree, is_wanted, policy), name=f"end {tree.mark}")
        except TimeoutError:
            log.warning("ending what an earlier server left was not done after %g s", TIME)
        return self._ended

    async def _end(self, tree: Tree, is_wanted: Callable[[str], bool], policy: EndPolicy) -> None:
        async with self._gate:
            # Asked at the last moment: since it was found, a session may have been adopted.
            if is_wanted(tree.mark):
                return
            if await self._processes.end(tree, policy):
                self._ended += 1
                log.warning("ended session %s, left by an earlier server in container %s", tree.mark, tree.container)
            else:
                log.error("session %s, left in container %s, could not be ended", tree.mark, tree.container)

    async def find(self) -> list[Tree]:
        """Find the sessions whose command runs, those of the present server too."""
        containers = [listed_container(entry, "").id for entry in await self._client.list_containers(all=False)]
        if await self._processes.is_here(containers):
            table = await self._processes.read_table()
            found = await asyncio.to_thread(find_roots, table, self._server, containers)
            return [Tree("", container, mark, ExecSpec(), is_confined=True) for mark, container in found]
        trees: dict[str, Tree] = {}
        async with asyncio.TaskGroup() as group:
            for container in containers:
                group.create_task(self._find_in(container, trees), name=f"look into {container[:12]}")
        return list(trees.values())

    async def _find_in(self, container: ContainerId, trees: dict[str, Tree]) -> None:
        async with self._gate:
            try:
                for spec in await self._client.running_execs(container):
                    for mark in await self._processes.look_there(container, spec, self._server):
                        trees.setdefault(mark, Tree("", container, mark, spec, is_confined=True))
            except (EngineError, ExecError, TargetError) as error:
                log.warning("could not look for what was left in container %s: %s", container, error)
