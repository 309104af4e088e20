"""A container that is only a name, a state and what its programs may see."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from whale.model.container import Container, ContainerState
from whale.model.exec import Stream
from whale.model.ids import ContainerId

if TYPE_CHECKING:
    from whale.engine.fake.process import FakeProcess

CREATED = 1_700_000_000


class FakeContainer:
    """Made by `FakeEngine.add_container`. Its attributes may be changed at any time."""

    def __init__(self, name: str, *, image: str = "fake/image", state: ContainerState = ContainerState.RUNNING) -> None:
        self.id = ContainerId(hashlib.sha256(f"fake {name}".encode()).hexdigest())
        self.name = name
        self.image = image
        self.state = state
        self.labels: dict[str, str] = {}
        self.env: dict[str, str] = {"PATH": "/usr/bin:/bin", "HOME": "/root", "HOSTNAME": name}
        self.users: dict[str, int] = {"root": 0, "postgres": 999, "nobody": 65534}
        self.directories: set[str] = {"/", "/tmp", "/root", "/etc"}  # noqa: S108 - a name, nothing is written
        self.has_shell = True
        self.is_removed = False
        self.processes: set[FakeProcess] = set()
        """The execs that run in it."""
        self._log: list[tuple[Stream, bytes]] = []
        self._log_grown = asyncio.Event()

    def describe(self, engine: str) -> Container:
        """Say what an engine says of it."""
        return Container(
            id=self.id,
            name=self.name,
            image=self.image,
            state=self.state,
            engine=engine,
            status=self.state.value,
            created=CREATED,
            labels=dict(self.labels),
        )

    def write_log(self, data: bytes, stream: Stream = Stream.STDOUT) -> None:
        """Add to the container's own log."""
        self._log.append((stream, data))
        self._wake()

    def _wake(self) -> None:
        self._log_grown.set()
        self._log_grown = asyncio.Event()

    def halt(self, state: ContainerState, *, removed: bool = False) -> None:
        """Change to a state in which nothing runs: its processes are killed, who follows its log sees the end."""
        self.state = state
        self.is_removed = removed
        for process in tuple(self.processes):
            process.kill_with_container(is_gone=removed)
        self._wake()

    async def read_log(self, *, follow: bool, tail: int | None) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """Yield the log's pieces; `tail` counts pieces, which are lines when they were written as lines."""
        at = 0 if tail is None else max(0, len(self._log) - tail)
        while True:
            grown = self._log_grown
            while at < len(self._log):
                yield self._log[at]
                at += 1
            if not follow or self.state is not ContainerState.RUNNING:
                return
            await grown.wait()
