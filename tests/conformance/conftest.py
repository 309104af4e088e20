"""The adapters under test, each behind the same `Rig`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.conformance.rig import FakeRig, RealRig, Rig
from tests.engines import TestEngine, docker_engine, podman_engine


class Engines:
    """Starts an engine when a test first asks for it; one of each kind per run."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._made: dict[str, TestEngine] = {}

    def get(self, kind: str) -> TestEngine:
        if kind not in self._made:
            self._made[kind] = docker_engine() if kind == "docker" else self._stack.enter_context(podman_engine())
        return self._made[kind]

    def close(self) -> None:
        self._stack.close()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the loop that the server runs on; most unit tests run on asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """All real engines of the run."""
    made = Engines()
    yield made
    made.close()


@pytest_asyncio.fixture(params=["fake", "docker", "podman"])
async def rig(request: pytest.FixtureRequest, engines: Engines, tmp_path: Path) -> AsyncIterator[Rig]:
    """One adapter with a fresh container."""
    made: Rig = FakeRig() if request.param == "fake" else RealRig(engines.get(request.param), tmp_path)
    await made.open()
    yield made
    await made.close()
