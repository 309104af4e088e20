"""A server with PostgreSQL: everything that is kept is kept there, and without it the door stays shut."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.postgres import PostgresServer
from tests.server_process import ServerProcess, running_server, whale_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId
from whale.store.place import PostgresAddress

LIMIT = 2.0
"""Seconds in which what lives by a revoked token must be gone."""


@pytest.fixture
def address(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresAddress]:
    """An empty database, which the server and every command use."""
    with postgres.database(is_empty=True) as made:
        monkeypatch.setenv("WHALE_SERVER_STORE_URL", postgres.url(made.database))
        yield made


def whale(server: ServerProcess, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("whale")), *args]
    return subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=30, check=False)


def operator(tmp_path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = whale_server(*args, state_dir=tmp_path / "state")
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def readiness(server: ServerProcess) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{server.url}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def wait_until(condition: Callable[[], bool], *, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "never"
        time.sleep(0.02)


def test_everything_is_kept_there(
    postgres: PostgresServer, address: PostgresAddress, docker: TestEngine, container: ContainerId, tmp_path: Path
) -> None:
    with running_server(docker.url, tmp_path) as server:
        assert container[:12] in whale(server, "ps").stdout
        assert whale(server, "exec", container, "echo", "hello").stdout == "hello\n"
        assert whale(server, "exec", container, "sh", "-c", "exit 7").returncode == 7
        command = [str(Path(sys.executable).with_name("whale")), "exec", "-it", container]
        with closing(
            TerminalProcess([*command, "sh", "-c", "echo ready; exec sleep 1000"], server.environment)
        ) as shell:
            shell.read_until(b"ready")
            second = operator(tmp_path / "second", "--listen", "127.0.0.1:0", "--engine", docker.url)
            assert second.returncode == 1
            assert "another whale-server uses this database" in second.stderr
            assert operator(tmp_path, "token", "revoke", "tests").returncode == 0
            wait_until(lambda: not docker.processes(container), within=LIMIT)
        assert "revoked" in whale(server, "ps").stderr
        assert "events hold" in operator(tmp_path, "audit", "verify").stdout
        for secret in (server.token, address.database):
            assert secret not in server.log()
    kinds = postgres.sql("SELECT kind FROM audit_events ORDER BY seq", database=address.database).split()
    assert kinds.count("session.opened") == kinds.count("session.ended") == 3
    assert "session.revoked" in kinds
    assert not (tmp_path / "state" / "whale.db").exists()


def test_the_door_is_shut_while_the_database_is_away_and_opens_again_by_itself(
    postgres: PostgresServer, address: PostgresAddress, docker: TestEngine, container: ContainerId, tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).with_name("whale")), "exec", "-it", container, "sh"]
    with (
        running_server(docker.url, tmp_path) as server,
        closing(TerminalProcess(command, server.environment)) as shell,
    ):
        shell.type(b"echo be''fore\n")
        shell.read_until(b"before")
        assert readiness(server) == (200, "ok\n")
        postgres.stop()
        try:
            refused = whale(server, "ps")
            assert refused.returncode == 125
            assert "credentials can't be checked at the moment" in refused.stderr
            assert str(postgres.directory) not in refused.stderr
            assert readiness(server) == (503, "database unavailable\n")
            shell.type(b"echo dur''ing\n")
            shell.read_until(b"during")
            down = operator(tmp_path, "token", "list")
            assert down.returncode == 1
            assert "the server's database can't be reached" in down.stderr
        finally:
            postgres.start()
        assert readiness(server) == (200, "ok\n")
        assert container[:12] in whale(server, "ps").stdout
        assert whale(server, "exec", container, "true").returncode == 0
        shell.type(b"exit 3\n")
        assert shell.wait() == 3
        wait_until(lambda: "store.lock_taken_again" in server.log())
    assert "events hold" in operator(tmp_path, "audit", "verify").stdout
