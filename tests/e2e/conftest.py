"""Real parts only: a whale-server process in front of a real Docker, and containers of its own."""

from collections.abc import Iterator

import pytest

from tests.engines import TestEngine, docker_engine
from tests.server_process import ServerProcess, running_server
from whale.model.ids import ContainerId


@pytest.fixture(scope="session")
def docker() -> TestEngine:
    return docker_engine()


@pytest.fixture(scope="session")
def server(docker: TestEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that do not need one of their own."""
    with running_server(docker.url, tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def container(docker: TestEngine) -> Iterator[ContainerId]:
    """A busybox container of the test's own."""
    with docker.container() as made:
        yield made


@pytest.fixture
def workshop(docker: TestEngine) -> Iterator[ContainerId]:
    """A Debian container with bash, vim, less, procps and PostgreSQL."""
    with docker.container("whale/dev", command=("/bin/sleep", "1000000")) as made:
        yield made
