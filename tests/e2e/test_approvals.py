"""A shell that somebody else has to allow, with the programs that people use."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.test_policies import LIMIT, seconds_until
from tests.engines import TestEngine
from tests.server_process import ServerProcess, create_token, running_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))
POLICIES = """
@id("see") permit(principal, action in [Action::"list", Action::"logs", Action::"audit.read"], resource);
@id("own") permit(principal, action in [Action::"attach", Action::"view"], resource) when { resource in principal };
@id("ask") @needs("approval") @reason("a lead has to allow it")
permit(principal in Group::"staff", action in [Action::"exec", Action::"shell"], resource);
@id("leads") permit(principal in Group::"leads", action == Action::"approve", resource);
"""
READY = ("sh", "-c", "echo ready; exec sleep 1000")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "all.cedar").write_text(POLICIES)
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(directory))
    return directory


class People:
    """Commands of somebody by name; everybody has a token of their own."""

    def __init__(self, server: ServerProcess, state: Path) -> None:
        self._server = server
        self._tokens: dict[str, str] = {}
        for name, groups in (("alice", ("staff",)), ("bob", ("staff", "leads"))):
            self._tokens[name] = create_token(state, name, groups=groups)

    def environment(self, name: str) -> dict[str, str]:
        return {**os.environ, "WHALE_URL": self._server.url, "WHALE_TOKEN": self._tokens[name]}

    def __call__(self, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [WHALE, *args], env=self.environment(name), capture_output=True, text=True, timeout=30, check=False
        )

    def terminal(self, name: str, *args: str) -> TerminalProcess:
        return TerminalProcess([WHALE, *args], self.environment(name))

    def waiting(self, name: str) -> list[dict[str, object]]:
        found = json.loads(self(name, "approvals", "--format", "json").stdout)
        return [one for one in found if one["state"] == "waiting"]

    def asked(self, name: str = "bob") -> str:
        seconds_until(lambda: self.waiting(name) != [])
        [one] = self.waiting(name)
        return str(one["id"])


def test_a_second_person_allows_a_shell_and_ends_it(
    docker: TestEngine, container: ContainerId, place: Path, tmp_path: Path
) -> None:
    with running_server(docker.url, tmp_path) as server:
        people = People(server, tmp_path / "state")
        with closing(people.terminal("alice", "exec", "-it", "--reason", "ticket 42", container, *READY)) as terminal:
            terminal.read_until(b"waiting for approval")
            terminal.read_until(b"14:59 left; Ctrl-C gives up")
            asked = people.asked()
            assert not docker.processes(container)
            allowed = people("bob", "approvals", "allow", asked, "--for", "1h")
            assert (allowed.returncode, allowed.stdout[:11]) == (0, "alice may e")
            terminal.read_until(b"ready")
            server.stop()
            server.start()
            seconds_until(lambda: people("bob", "approvals", "--format", "json").stdout != "[]\n")
            assert docker.processes(container), "the next server knows what was allowed"
            assert people("bob", "approvals", "deny", asked, "--reason", "enough").returncode == 0
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125
            assert b"the time that it was allowed for is over" in terminal.output
