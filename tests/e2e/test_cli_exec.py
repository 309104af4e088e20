"""`whale exec`, `ps`, `logs` and `version` as a user types them, through a real server to a real engine."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.server_process import ServerProcess
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))
DEADLINE = 60.0


def whale(server: ServerProcess, *args: str, data: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [WHALE, *args],
        env=server.environment,
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )


def test_streams_and_status_are_the_commands(server: ServerProcess, container: ContainerId) -> None:
    done = whale(server, "exec", container, "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.returncode, done.stdout, done.stderr) == (42, b"out\n", b"err\n")
    assert whale(server, "exec", container, "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


def test_flags_mean_what_they_mean_in_docker(server: ServerProcess, container: ContainerId) -> None:
    line = 'echo "$(id -u) $PWD $A $B"'
    done = whale(server, "exec", "-u1234", "-w", "/tmp", "-e", "A=x y", "--env=B=", container, "sh", "-c", line)
    assert (done.stdout, done.stderr) == (b"1234 /tmp x y \n", b"")
    assert whale(server, "exec", "--privileged", container, "true").returncode == 125


def test_64_mib_pass_both_ways(server: ServerProcess, container: ContainerId) -> None:
    data = os.urandom(64 * 1024 * 1024)
    done = whale(server, "exec", "-i", container, "cat", data=data)
    assert (done.returncode, done.stderr) == (0, b"")
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_input_ends_when_it_ends_and_output_goes_on(server: ServerProcess, container: ContainerId) -> None:
    done = whale(server, "exec", "-i", container, "sh", "-c", "wc -c; echo after", data=b"12345")
    assert (done.returncode, done.stdout) == (0, b"5\nafter\n")


@pytest.mark.parametrize(
    ("command", "status"), [(["no-such-command"], 127), (["/etc"], 126), (["true"], 0), (["false"], 1)]
)
def test_statuses_as_in_docker(server: ServerProcess, container: ContainerId, command: list[str], status: int) -> None:
    done = whale(server, "exec", container, *command)
    assert done.returncode == status
    assert done.stderr.count(b"\n") == (1 if status > 1 else 0)


def test_bad_targets_and_credentials_are_one_line(server: ServerProcess, container: ContainerId) -> None:
    unknown = whale(server, "exec", "no-such-container", "true")
    assert (unknown.returncode, unknown.stderr.count(b"\n")) == (125, 1)
    stranger = subprocess.run(
        [WHALE, "exec", container, "true"],
        env={**server.environment, "WHALE_TOKEN": "whale_wrong"},
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (stranger.returncode, stranger.stderr.count(b"\n")) == (125, 1)


def test_an_interrupt_reaches_the_command_and_leaves_nothing(
    server: ServerProcess, docker: TestEngine, container: ContainerId
) -> None:
    command = [WHALE, "exec", container, "sh", "-c", "trap 'exit 7' INT; echo ready; while :; do sleep 0.1; done"]
    with subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 7
    _until_empty(docker, container)


def test_a_killed_client_leaves_nothing(server: ServerProcess, docker: TestEngine, container: ContainerId) -> None:
    command = [WHALE, "exec", "--no-resume", container, "sh", "-c", "echo ready; sleep 1000"]
    with subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    _until_empty(docker, container)


def test_a_terminal_that_is_missing_leaves_nothing(
    server: ServerProcess, docker: TestEngine, container: ContainerId
) -> None:
    done = whale(server, "exec", "-it", container, "sleep", "1000")
    assert done.returncode == 125
    assert docker.processes(container) == []


def test_ps_and_version(server: ServerProcess, container: ContainerId) -> None:
    listed = json.loads(whale(server, "ps", "--format", "json").stdout)
    assert container in {entry["id"] for entry in listed}
    assert b"docker" in whale(server, "version").stdout


def test_logs_keep_the_streams_apart(server: ServerProcess, docker: TestEngine) -> None:
    with docker.container(command=("/bin/sh", "-c", "echo one; echo two >&2; echo three; exec sleep 1000")) as talker:
        deadline = time.monotonic() + DEADLINE
        while (done := whale(server, "logs", talker)).stdout != b"one\nthree\n":
            assert time.monotonic() < deadline, done
            time.sleep(0.1)
        assert (done.returncode, done.stderr) == (0, b"two\n")
        # The engine keeps no order between the two streams, so the last line may be of either.
        last = whale(server, "logs", "--tail", "1", talker)
        assert last.stdout + last.stderr in (b"two\n", b"three\n")
    assert whale(server, "logs", talker).returncode == 125


def _until_empty(docker: TestEngine, container: ContainerId) -> None:
    deadline = time.monotonic() + DEADLINE
    while left := docker.processes(container):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
