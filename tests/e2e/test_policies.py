"""Policies of a server that runs: what they hide and forbid, and how a change of them ends what goes on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server, whale_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

pytestmark = pytest.mark.timed

LIMIT = 2.0
"""Seconds in which a change must be in force, and what it takes away gone."""

ALL = '@id("all") permit(principal, action, resource);'
NO_SHELLS = '@id("no-shells") @reason("maintenance") forbid(principal, action == Action::"exec", resource);'


def seconds_until(condition: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 15, "never"
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "all.cedar").write_text(ALL)
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(directory))
    return directory


def whale(server: ServerProcess, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("whale")), *args]
    return subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=30, check=False)


def shell(server: ServerProcess, container: ContainerId) -> TerminalProcess:
    command = [str(Path(sys.executable).with_name("whale")), "exec", "-it", container]
    terminal = TerminalProcess([*command, "sh", "-c", "echo ready; exec sleep 1000"], server.environment)
    terminal.read_until(b"ready")
    return terminal


def test_a_shell_is_gone_with_the_right_to_it(
    docker: TestEngine, container: ContainerId, place: Path, tmp_path: Path
) -> None:
    with running_server(docker.url, tmp_path) as server, closing(shell(server, container)) as terminal:
        (place / "broken.cedar").write_text("forbid(principal, action, resource)")
        seconds_until(lambda: "policies.refused" in server.log())
        assert "broken.cedar:1: " in server.log()
        assert docker.processes(container), "what is wrong changes nothing"
        (place / "broken.cedar").write_text(NO_SHELLS)
        assert seconds_until(lambda: not docker.processes(container)) < LIMIT
        assert terminal.wait() == 125
        assert b"maintenance" in terminal.output
        refused = whale(server, "exec", container, "true")
        assert refused.returncode == 125
        assert "maintenance" in refused.stderr
        (place / "broken.cedar").unlink()
        assert seconds_until(lambda: whale(server, "exec", container, "true").returncode == 0) < LIMIT + 1
    search = whale_server("audit", "search", "--format", "json", state_dir=tmp_path / "state")
    lines = subprocess.run(search, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
    events = [each for each in map(json.loads, lines) if each["kind"].startswith("policy.")]
    assert [(each["kind"], each.get("count")) for each in events] == [
        ("policy.loaded", 1), ("policy.refused", None), ("policy.loaded", 2), ("policy.loaded", 1)
    ]  # fmt: skip
    assert events[1]["reason"].startswith("broken.cedar:1: ")


def test_a_shell_is_gone_with_the_group(
    docker: TestEngine, container: ContainerId, place: Path, tmp_path: Path
) -> None:
    (place / "all.cedar").write_text('permit(principal in Group::"developer", action, resource);')
    groups = whale_server("token", "set-groups", "tests", state_dir=tmp_path / "state")
    with running_server(docker.url, tmp_path) as server:
        missing = whale(server, "exec", "no-such-container", "true").stderr
        hidden = whale(server, "exec", container, "true").stderr
        assert hidden.replace(container, "no-such-container") == missing
        assert whale(server, "ps", "--format", "name").stdout == ""
        subprocess.run([*groups, "developer"], check=True, capture_output=True, timeout=30)
        assert whale(server, "ps", "--format", "name").stdout != ""
        with closing(shell(server, container)) as terminal:
            subprocess.run(groups, check=True, capture_output=True, timeout=30)
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125
            assert b"no policy allows you to" in terminal.output
