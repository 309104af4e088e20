"""A shell that is recorded, watched while it runs, and seen again, with the programs that people use."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from tests.engines import TestEngine
from tests.server_process import ServerProcess, create_token, running_server
from tests.unit.client.processes import TerminalProcess
from whale.client.terminal import CLEAR
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))
POLICIES = """
@id("all") permit(principal in Group::"staff", action in [Action::"list", Action::"view", Action::"kill"], resource);
@id("plain") permit(principal in Group::"staff", action in [Action::"exec", Action::"shell"], resource);
@id("recorded") @record("all")
permit(principal in Group::"staff", action in [Action::"exec", Action::"shell"], resource)
when { context.command != "true" };
@id("auditor")
permit(principal in Group::"auditor", action in [Action::"record.read", Action::"record.delete"], resource);
"""
LIMIT = 20.0


class People:
    """Commands of somebody by name; everybody has a token of their own."""

    def __init__(self, server: ServerProcess, state: Path) -> None:
        self._server = server
        self._tokens: dict[str, str] = {}
        for name, group in (("alice", "staff"), ("olga", "auditor")):
            self._tokens[name] = create_token(state, name, groups=(group,))

    def environment(self, name: str) -> dict[str, str]:
        return {**os.environ, "WHALE_URL": self._server.url, "WHALE_TOKEN": self._tokens[name], "TERM": "xterm"}

    def __call__(self, name: str, *args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([WHALE, *args], env=self.environment(name), capture_output=True, timeout=60, check=False)

    def terminal(self, name: str, *args: str) -> TerminalProcess:
        return TerminalProcess([WHALE, *args], self.environment(name))

    def recordings(self, *, status: str) -> list[dict[str, object]]:
        """Those of a status, when there are some."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            found = json.loads(self("olga", "recordings", "--format", "json").stdout)
            if fit := [one for one in found if one["status"] == status]:
                return fit
        raise AssertionError(f"nothing is {status}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "all.cedar").write_text(POLICIES)
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(directory))
    return directory


@pytest.fixture(params=["plain", "encrypted"])
def key(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How recordings are opened."""
    if request.param == "plain":
        return []
    identity, file = pyrage.x25519.Identity.generate(), tmp_path / "key"
    file.write_text(f"{identity}\n")
    monkeypatch.setenv("WHALE_SERVER_RECORDING_RECIPIENTS", str(identity.to_public()))
    return ["--identity", str(file)]


def test_a_shell_is_watched_and_seen_again(
    docker: TestEngine, container: ContainerId, place: Path, tmp_path: Path, key: list[str]
) -> None:
    with running_server(docker.url, tmp_path) as server:
        people = People(server, tmp_path / "state")
        said = people("alice", "can", "shell", container).stdout
        assert b"recorded: output and input; without a recording the session ends" in said
        assert people("alice", "exec", container, "true").returncode == 0
        with closing(people.terminal("alice", "exec", "-it", container, "sh")) as shell:
            shell.type(b"echo be''gin\n")
            shell.read_until(b"begin")
            [one] = people.recordings(status="recording")
            id = str(one["id"])
            with closing(people.terminal("olga", "play", "--follow", *key, id[:12])) as watching:
                watching.read_until(b"begin")
                shell.type(b"i=0; while [ $i -lt 500 ]; do echo li''ne-$i.; i=$((i+1)); done; echo do''ne\n")
                watching.read_until(b"done\r\n")
                watching.type(b"goes_nowhere")
                shell.type(b"exit 7\n")
                assert shell.wait() == 7
                assert watching.wait() == 0
                numbers = re.findall(rb"line-(\d+)\.", watching.output.partition(CLEAR)[2])
                assert numbers == [b"%d" % number for number in range(500)], "no gap, nothing twice"
                assert b"goes_nowhere" not in shell.output
        [one] = people.recordings(status="finished")
        assert (one["id"], one["person"], one["exit_status"], one["command"]) == (id, "alice", 7, ["sh"])
        assert one["policies"] == ["plain", "recorded"]
        assert one["encrypted"] is bool(key)
        _seen_again(people, id, key)
        assert people("alice", "play", id).returncode == 125
        assert people("olga", "recordings", "delete", id).returncode == 0
        assert json.loads(people("olga", "recordings", "--format", "json").stdout) == []


def _seen_again(people: People, id: str, key: list[str]) -> None:
    with closing(people.terminal("olga", "play", "--idle-limit", "0", *key, id)) as playing:
        assert playing.wait() == 0
        played = playing.output.partition(CLEAR)[2]
    assert len(re.findall(rb"line-\d+\.", played)) == 500
    raw = people("olga", "recordings", "export", "--format", "raw", *key, id).stdout
    asked = b"\x1b[6n"  # which this shell does before each line, and which no player repeats
    assert (asked in raw, asked in played) == (True, False)
    assert played.startswith(raw.replace(asked, b""))
    lines = people("olga", "recordings", "export", *key, id).stdout.splitlines()
    cast = [json.loads(line) for line in lines if line[:1] != b"#"]
    assert cast[0]["version"] == 3
    assert "echo be''gin" in "".join(event[2] for event in cast[1:] if event[1] == "i").replace("\r", "\n")
    assert cast[-1][1:] == ["x", "7"]
    assert b"as written" in people("olga", "recordings", "verify", id).stdout
