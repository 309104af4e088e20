"""A token that is revoked or expires takes with it what lives by it, in a server that knows nothing of the command."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.door import add_token
from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server, whale_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId
from whale.store.database import Database
from whale.store.tokens import TokenTable

pytestmark = pytest.mark.timed

LIMIT = 2.0
"""Seconds in which everything must be gone."""

WAIT = "echo ready; exec sleep 1000"


def seconds_until(condition: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 15, "never"
        time.sleep(0.02)
    return time.monotonic() - began


def shell(server: ServerProcess, container: ContainerId, token: str) -> TerminalProcess:
    """Somebody's command in a terminal, once it runs."""
    whale = str(Path(sys.executable).with_name("whale"))
    terminal = TerminalProcess(
        [whale, "exec", "-it", container, "sh", "-c", WAIT], {**server.environment, "WHALE_TOKEN": token}
    )
    terminal.read_until(b"ready")
    return terminal


async def brief_token(state_dir: Path, *, seconds: int) -> str:
    """A token that lives for a shorter time than the command line makes any."""
    database = await Database.open(state_dir)
    try:
        return await add_token(TokenTable(database), "brief", expires_in=seconds)
    finally:
        await database.aclose()


def test_a_shell_is_gone_with_its_token(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    command = whale_server("token", "revoke", "tests", state_dir=tmp_path / "state")
    with (
        running_server(docker.url, tmp_path) as server,
        closing(shell(server, container, server.token)) as terminal,
    ):
        assert any("sleep 1000" in line for line in docker.processes(container))
        subprocess.run(command, capture_output=True, check=True, timeout=30)
        assert seconds_until(lambda: not docker.processes(container)) < LIMIT
        assert terminal.wait() == 125
        assert b"revoked" in terminal.output


def test_a_followed_log_ends_with_its_token(docker: TestEngine, tmp_path: Path) -> None:
    command = whale_server("token", "revoke", "tests", state_dir=tmp_path / "state")
    speaks = ("sh", "-c", "while :; do echo line; sleep 0.1; done")
    with running_server(docker.url, tmp_path) as server, docker.container("whale/busybox", command=speaks) as container:
        whale = str(Path(sys.executable).with_name("whale"))
        with subprocess.Popen(
            [whale, "logs", "--follow", container],
            env=server.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == b"line\n"
            subprocess.run(command, capture_output=True, check=True, timeout=30)
            assert seconds_until(lambda: follower.poll() is not None) < LIMIT
            _, errors = follower.communicate()
        assert follower.returncode == 125
        assert b"revoked" in errors


def test_a_session_that_waits_is_gone_when_its_token_expires(
    docker: TestEngine, container: ContainerId, tmp_path: Path
) -> None:
    with running_server(docker.url, tmp_path) as server:
        expires = time.monotonic() + 4
        token = asyncio.run(brief_token(tmp_path / "state", seconds=4))
        with closing(shell(server, container, token)) as terminal:
            os.kill(terminal.pid, signal.SIGKILL)
        time.sleep(max(0.0, expires - 1.1 - time.monotonic()))  # the table counts whole seconds
        assert docker.processes(container), "it waits for its client"
        seconds_until(lambda: not docker.processes(container))
        assert time.monotonic() < expires + LIMIT
