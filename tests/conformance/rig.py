"""What a conformance test may do to an engine, whichever it is."""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from tests.engines import CutProxy, TestEngine
from whale.engine.fake import FakeEngine
from whale.engine.open import open_engine
from whale.engine.seam import Engine
from whale.model.container import Container, ContainerState


class Rig(ABC):
    """One engine with one container that nobody else uses."""

    kind: str
    engine: Engine
    direct: Engine
    """The same engine, with nothing in between that could lose bytes by itself."""
    box: Container

    @abstractmethod
    async def open(self) -> None:
        """Make the engine and the container."""

    @abstractmethod
    async def close(self) -> None:
        """Remove both."""

    @abstractmethod
    async def processes(self) -> list[str]:
        """Command lines of what runs in the container besides its first process."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop the container."""

    @abstractmethod
    async def remove(self) -> None:
        """Remove the container, whatever runs in it."""

    @abstractmethod
    async def pause(self) -> None:
        """Freeze the container."""

    @abstractmethod
    async def engine_down(self) -> None:
        """Let the engine vanish."""

    @abstractmethod
    async def engine_up(self) -> None:
        """Let it come back."""


class FakeRig(Rig):
    """The engine in memory."""

    kind = "fake"

    async def open(self) -> None:
        self._fake = FakeEngine()
        self.engine = self.direct = self._fake
        self._box = self._fake.add_container("box")
        self.box = self._box.describe("fake")

    async def close(self) -> None:
        await self._fake.aclose()

    async def processes(self) -> list[str]:
        return [" ".join(process.argv) for process in self._box.processes]

    async def stop(self) -> None:
        self._fake.stop_container("box")

    async def remove(self) -> None:
        self._fake.remove_container("box")

    async def pause(self) -> None:
        self._box.state = ContainerState.PAUSED

    async def engine_down(self) -> None:
        self._fake.go_down()

    async def engine_up(self) -> None:
        self._fake.come_back()


class RealRig(Rig):
    """Docker or Podman, reached through a proxy that can be cut."""

    def __init__(self, real: TestEngine, directory: Path) -> None:
        self.kind = real.kind
        self._real = real
        self._proxy = CutProxy(real.url, directory)

    async def open(self) -> None:
        await self._proxy.open()
        self._id = await asyncio.to_thread(self._real.create)
        self.engine = open_engine(self._proxy.url, name=self.kind)
        self.direct = open_engine(self._real.url, name=self.kind)
        self.box = await self.engine.container(self._id)

    async def close(self) -> None:
        await self.engine.aclose()
        await self.direct.aclose()
        await self._proxy.cut()
        await asyncio.to_thread(self._real.remove, self._id)

    async def processes(self) -> list[str]:
        return await asyncio.to_thread(self._real.processes, self._id)

    async def stop(self) -> None:
        await asyncio.to_thread(self._real.api.call, "POST", f"/containers/{self._id}/stop?t=0")

    async def remove(self) -> None:
        await asyncio.to_thread(self._real.remove, self._id)

    async def pause(self) -> None:
        await asyncio.to_thread(self._real.api.call, "POST", f"/containers/{self._id}/pause")

    async def engine_down(self) -> None:
        await self._proxy.cut()

    async def engine_up(self) -> None:
        await self._proxy.open()
