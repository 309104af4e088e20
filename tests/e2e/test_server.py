"""The server's life with real clients and a real engine: stopping, engines that come and go, what the log holds."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.server_process import DEADLINE, ServerProcess, running_server, wait_for_address, whale_server
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.05)


def start(server: ServerProcess, docker: TestEngine, container: ContainerId) -> subprocess.Popen[bytes]:
    """Run `sleep` in the container through whale, and wait until it runs."""
    client = subprocess.Popen([WHALE, "exec", container, "sleep", "1000"], env=server.environment, stderr=-1)
    eventually(lambda: docker.processes(container) != [], "started")
    return client


def whale(server: ServerProcess, *args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([WHALE, *args], env=server.environment, capture_output=True, timeout=DEADLINE, check=False)


def test_stops_in_order_and_leaves_no_process(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[sessions]\noutlive_server = false\n[shutdown]\ngrace = 1.0\n")
    with running_server(docker.url, tmp_path, "--config", str(config)) as server:
        client = start(server, docker, container)
        started = time.monotonic()
        assert server.stop() == 0
        assert 1.0 <= time.monotonic() - started < 8
        _, stderr = client.communicate(timeout=DEADLINE)
        assert client.returncode == 125
        assert b"shutting down" in stderr
        assert docker.processes(container) == []
        assert "server.stopped" in server.log()


def test_a_second_signal_does_not_wait(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[sessions]\noutlive_server = false\n[shutdown]\ngrace = 600.0\n")
    with running_server(docker.url, tmp_path, "--config", str(config)) as server:
        client = start(server, docker, container)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: "server.stopping" in server.log(), "stopping")
        refused = whale(server, "exec", container, "true")
        assert refused.returncode == 125
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 8
        client.communicate(timeout=DEADLINE)
        assert client.returncode == 125
        assert docker.processes(container) == []


def test_one_server_at_a_time_on_a_state_directory(docker: TestEngine, tmp_path: Path) -> None:
    with running_server(docker.url, tmp_path) as server:
        command = whale_server("--listen", "127.0.0.1:0", "--engine", docker.url, state_dir=tmp_path / "state")
        second = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert second.returncode == 1
        assert f"another whale-server runs on this state directory, process {server.process.pid}\n" in second.stderr
        assert "--state-dir" in second.stderr
        server.process.kill()  # and the next one starts at once, before this one is gone
        log = tmp_path / "next.log"
        with log.open("wb") as stderr:
            following = subprocess.Popen(command, stderr=stderr)
        try:
            wait_for_address(following, log)
        finally:
            following.terminate()
            following.wait(DEADLINE)


def test_an_engine_may_come_later(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    socket = tmp_path / "engine.sock"
    with running_server(f"unix://{socket}", tmp_path) as server:
        down = whale(server, "ps")
        assert down.returncode == 125
        assert b"engine" in down.stderr
        assert down.stdout == b""
        socket.symlink_to(docker.url.removeprefix("unix://"))
        assert whale(server, "exec", container, "echo", "back").stdout == b"back\n"
        socket.unlink()
        assert whale(server, "exec", container, "true").returncode == 125
        socket.symlink_to(docker.url.removeprefix("unix://"))
        assert whale(server, "exec", container, "true").returncode == 0


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_holds_no_token_and_no_byte_of_a_session(
    docker: TestEngine, container: ContainerId, tmp_path: Path, form: str
) -> None:
    with running_server(docker.url, tmp_path, "--log-level", "debug", "--log-format", form) as server:
        done = subprocess.run(
            [WHALE, "exec", "-i", "-e", "PASSWORD=planted-env", container, "sh", "-c", "cat; echo planted-argument"],
            env=server.environment,
            input=b"planted-input\n",
            capture_output=True,
            timeout=DEADLINE,
            check=True,
        )
        assert b"planted-input" in done.stdout
        bad = server.environment | {"WHALE_TOKEN": server.token[:-1] + ("0" if server.token[-1] != "0" else "1")}
        subprocess.run([WHALE, "ps"], env=bad, capture_output=True, timeout=DEADLINE, check=False)
        server.stop()
        log = server.log()
        assert "session.ended" in log
        assert "auth.invalid" in log
        for secret in (server.token, server.token[:-1], server.token[20:40], "planted"):
            assert secret not in log


def test_a_token_opens_the_door_until_it_is_revoked(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    def token(*args: str) -> str:
        command = whale_server("token", *args, state_dir=tmp_path / "state")
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE).stdout.strip()

    with running_server(docker.url, tmp_path) as server:
        server.token = token("create", "ci", "--expires", "1h")  # beside the running server
        assert whale(server, "exec", container, "echo", "in").stdout == b"in\n"
        assert "ci" in token("list")
        token("revoke", "ci")
        refused = whale(server, "exec", container, "echo", "in")
        assert (refused.returncode, refused.stdout) == (125, b"")
