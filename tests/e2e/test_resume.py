"""Connections that are cut again and again, on a real engine: no byte is lost or doubled, and the status is real."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos_proxy import ChaosProxy, chaos
from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

SOAK = bool(os.environ.get("WHALE_SOAK"))
DEADLINE = 1200.0 if SOAK else 120.0
SIZE = 1024**3 if SOAK else 48 * 1024**2
CUTS = 100 if SOAK else 25
KEYS = 10_000 if SOAK else 1000

WRITE = f"head -c {SIZE} /dev/urandom | tee /tmp/sent; exit 7"
READ = "cat > /tmp/got; sha256sum /tmp/got; exit 5"


def whale(server: ServerProcess, proxy: ChaosProxy | None, *args: str) -> tuple[list[str], dict[str, str]]:
    url = f"http://127.0.0.1:{proxy.port}" if proxy else server.url
    return [str(Path(sys.executable).with_name("whale")), *args], server.environment | {"WHALE_URL": url}


@pytest.mark.parametrize("seed", [1, 2])
def test_output_is_whole_through_every_cut(server: ServerProcess, container: ContainerId, seed: int) -> None:
    with chaos(server.port, seed=seed, cuts=CUTS, most=SIZE // CUTS) as proxy:
        argv, env = whale(server, proxy, "exec", container, "sh", "-c", WRITE)
        done = subprocess.run(argv, env=env, capture_output=True, timeout=DEADLINE, check=False)
        assert proxy.done == CUTS
    assert done.returncode == 7
    assert len(done.stdout) == SIZE
    argv, env = whale(server, None, "exec", container, "sha256sum", "/tmp/sent")
    sent = subprocess.run(argv, env=env, capture_output=True, timeout=DEADLINE, check=True)
    assert hashlib.sha256(done.stdout).hexdigest() == sent.stdout.split()[0].decode()
    assert b"whale: it is back" in done.stderr


@pytest.mark.parametrize("seed", [3, 4])
def test_input_is_whole_through_every_cut(server: ServerProcess, container: ContainerId, seed: int) -> None:
    data = os.urandom(SIZE // 16) * 16
    with chaos(server.port, seed=seed, cuts=CUTS, most=SIZE // CUTS) as proxy:
        argv, env = whale(server, proxy, "exec", "-i", container, "sh", "-c", READ)
        done = subprocess.run(argv, env=env, input=data, capture_output=True, timeout=DEADLINE, check=False)
        assert proxy.done == CUTS
    assert done.returncode == 5
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_without_resume_a_cut_is_the_end(server: ServerProcess, container: ContainerId) -> None:
    with chaos(server.port, seed=5, cuts=1, most=100_000) as proxy:
        argv, env = whale(server, proxy, "exec", "--no-resume", container, "sh", "-c", WRITE)
        done = subprocess.run(argv, env=env, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 125
    assert b"the connection to the server broke" in done.stderr


def test_keys_typed_during_the_cuts_arrive_once_and_in_order(server: ServerProcess, container: ContainerId) -> None:
    with chaos(server.port, seed=6, cuts=KEYS // 33, most=2500) as proxy:
        command = f"stty raw -echo; echo ready; head -c {6 * KEYS} | sha256sum"
        keys = b"".join(b"%05d\n" % number for number in range(KEYS))
        argv, env = whale(server, proxy, "exec", "-it", container, "sh", "-c", command)
        with closing(TerminalProcess(argv, env)) as terminal:
            terminal.read_until(b"ready")
            for start in range(0, len(keys), 6):
                terminal.type(keys[start : start + 6])
                time.sleep(0.004)  # so that the cuts fall between the keys
            expected = hashlib.sha256(keys).hexdigest().encode()
            terminal.read_until(expected)
            assert terminal.wait() == 0
        assert proxy.done >= 10


def test_a_session_whose_client_was_killed_ends_when_nobody_comes(
    docker: TestEngine, container: ContainerId, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[sessions]\nkeep = 1\n")
    with running_server(docker.url, tmp_path, "--config", str(tmp_path / "config.toml")) as server:
        argv, env = whale(server, None, "exec", container, "sleep", "4321")
        process = subprocess.Popen(argv, env=env)
        wait_for(lambda: "4321" in processes(server, container))
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.3)
        assert "4321" in processes(server, container), "it waits for its client"
        wait_for(lambda: "4321" not in processes(server, container))


def processes(server: ServerProcess, container: ContainerId) -> str:
    argv, env = whale(server, None, "exec", container, "ps", "-o", "args")
    return subprocess.run(argv, env=env, capture_output=True, timeout=DEADLINE, check=True).stdout.decode()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
