"""A shell on a real engine goes on while its server is killed and another one takes its connection over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import TestEngine, docker_engine
from tests.unit.keeper.conftest import DEADLINE, eventually, keeper_of
from tests.unit.keeper.manager import Manager
from whale.model.ids import ContainerId

SERVER = "import runpy; runpy.run_module('tests.integration.hijacked', run_name='__main__')"


@pytest.fixture(scope="module")
def docker() -> TestEngine:
    return docker_engine()


@pytest.fixture
def container(docker: TestEngine) -> Iterator[ContainerId]:
    with docker.container() as made:
        yield made


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    yield place
    if process := keeper_of(place):
        os.kill(process, signal.SIGKILL)


def run(manager: Manager | None, *arguments: str) -> tuple[int, str, str]:
    """Run a server to its end, under systemd's stand-in or on its own."""
    if manager is not None:
        done = manager.run(SERVER, *arguments)
    else:
        command = [sys.executable, "-c", SERVER, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("tty", ["tty", "pipe"])
@pytest.mark.parametrize("kind", ["keeper", "systemd"])
def test_a_shell_outlives_its_server(
    docker: TestEngine, container: ContainerId, state: Path, tmp_path: Path, kind: str, tty: str
) -> None:
    manager = Manager(tmp_path).start() if kind == "systemd" else None
    place = (str(state), docker.url, container, tty)
    try:
        status, before, errors = run(manager, "first", *place)
        assert (status, errors) == (-signal.SIGKILL, "")
        assert before.startswith(f"{kind} shell-")
        assert docker.processes(container) == ["sh"], "the engine ended the shell"
        assert run(manager, "second", *place) == (0, before, "")
        eventually(lambda: docker.processes(container) == [], "ended")
    finally:
        if manager is not None:
            manager.close()


def test_without_a_keeper_the_shell_would_have_gone(docker: TestEngine, container: ContainerId, state: Path) -> None:
    """What the keeper is for: of a shell that reads from a pipe nothing is left when its server is killed."""
    status, before, _ = run(None, "first", str(state), docker.url, container, "pipe")
    assert (status, before.split()[0]) == (-signal.SIGKILL, "keeper")
    os.kill(keeper_of(state), signal.SIGKILL)
    eventually(lambda: docker.processes(container) == [], "ended")
