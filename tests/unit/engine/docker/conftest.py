"""One Docker Engine, and one container per test file."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
import uvloop

from tests.engines import TestEngine, docker_engine
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.client import EngineClient
from whale.engine.docker.dial import parse_address
from whale.model.container import Container
from whale.model.ids import ContainerId

ON_BOTH_LOOPS = ("test_local.py", "test_piped.py", "test_stream.py", "test_tls.py", "test_writer.py")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what handles transports on both loops, because they differ there, and everything else on asyncio's own."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    return loops | {"uvloop": uvloop.new_event_loop} if item.path.name in ON_BOTH_LOOPS else loops


@pytest.fixture(scope="session")
def docker() -> TestEngine:
    """The Docker Engine of the run."""
    return docker_engine()


@pytest.fixture(scope="module")
def box_id(docker: TestEngine) -> Iterator[ContainerId]:
    """A busybox container of this test file's own."""
    with docker.container() as made:
        yield made


@pytest.fixture(scope="module")
def dev_id(docker: TestEngine) -> Iterator[ContainerId]:
    """A Debian container of this test file's own."""
    with docker.container("whale/dev") as made:
        yield made


@pytest.fixture(scope="module")
def bare_id(docker: TestEngine) -> Iterator[ContainerId]:
    """A container without a shell."""
    with docker.container("whale/noshell") as made:
        yield made


@pytest_asyncio.fixture
async def engine(docker: TestEngine) -> AsyncIterator[DockerEngine]:
    """The adapter on that engine."""
    made = DockerEngine(parse_address(docker.url), name="docker")
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def client(docker: TestEngine) -> AsyncIterator[EngineClient]:
    """Its REST client."""
    made = EngineClient(parse_address(docker.url), "docker")
    await made.version()
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def box(engine: DockerEngine, box_id: ContainerId) -> Container:
    """The busybox container, resolved."""
    return await engine.container(box_id)


@pytest_asyncio.fixture
async def dev(engine: DockerEngine, dev_id: ContainerId) -> Container:
    """The Debian container, resolved."""
    return await engine.container(dev_id)


@pytest_asyncio.fixture
async def bare(engine: DockerEngine, bare_id: ContainerId) -> Container:
    """The container without a shell, resolved."""
    return await engine.container(bare_id)
