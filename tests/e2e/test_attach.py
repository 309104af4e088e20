"""Several terminals and one session, on a real engine: leave it, come back to it, look on, end it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

DEADLINE = 60.0
PID = re.compile(rb"pid-\d+-")


class Commands:
    """The command line, for one server."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def argv(self, *args: str) -> list[str]:
        return [str(Path(sys.executable).with_name("whale")), *args]

    def run(self, *args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.argv(*args), env=self._server.environment, capture_output=True, timeout=DEADLINE, check=False
        )

    def terminal(self, *args: str) -> TerminalProcess:
        return TerminalProcess(self.argv(*args), self._server.environment)

    def sessions(self, *args: str) -> list[dict[str, Any]]:
        done = self.run("sessions", "--format", "json", *args)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture
def whale(server: ServerProcess) -> Iterator[Commands]:
    commands = Commands(server)
    yield commands
    for one in commands.sessions():
        commands.run("kill", one["id"])


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_detach_and_come_back(whale: Commands, container: ContainerId) -> None:
    with closing(whale.terminal("shell", "--name", "build", container)) as first:
        first.read_until(b"#")
        first.type(b"x=41; echo ready-$((x + 1))\r")
        first.read_until(b"ready-42")
        first.type(b"\r~d")
        first.read_until(b"come back with: whale attach")
        assert first.wait() == 125
    [session] = whale.sessions()
    assert (session["name"], session["state"], session["attached"]) == ("build", "running", [])
    with closing(whale.terminal("attach", session["id"][:8])) as second:
        second.type(b"echo again-$((x + 2))\r")
        second.read_until(b"again-43")
        second.type(b"exit 7\r")
        assert second.wait() == 7
    assert whale.sessions() == []


def test_a_name_comes_back_by_itself(whale: Commands, container: ContainerId) -> None:
    with closing(whale.terminal("shell", "--name", "same", container)) as first:
        first.read_until(b"#")
        first.type(b"echo pid-$$-\r\r")
        first.read_match(PID)
        first.type(b"~d")
        first.read_until(b"detached")
        first.wait()
    found = PID.search(first.output)
    assert found
    with closing(whale.terminal("shell", "--name", "same", container)) as second:
        second.type(b"echo pid-$$-\r")
        second.read_until(found[0])
        second.type(b"exit\r")
        assert second.wait() == 0


def test_a_viewer_sees_and_cannot_type(whale: Commands, container: ContainerId) -> None:
    with closing(whale.terminal("shell", container)) as owner:
        owner.read_until(b"#")
        [session] = whale.sessions()
        with closing(whale.terminal("attach", "--view", session["id"])) as viewer:
            wait_for(lambda: len(whale.sessions()[0]["attached"]) == 2)
            viewer.type(b"echo from-the-viewer\r")
            owner.type(b"echo hello-$((40 + 2))\r")
            viewer.read_until(b"hello-42")
            owner.type(b"exit 3\r")
            assert viewer.wait() == 3
        assert owner.wait() == 3
    assert b"from-the-viewer" not in owner.output


def test_the_keyboard_is_handed_over(whale: Commands, container: ContainerId) -> None:
    with closing(whale.terminal("shell", container)) as first:
        first.read_until(b"#")
        with closing(whale.terminal("attach", "--view", whale.sessions()[0]["id"])) as second:
            wait_for(lambda: len(whale.sessions()[0]["attached"]) == 2)
            first.type(b"\r~v")
            first.read_until(b"you only look on")
            second.type(b"\r~v")
            second.read_until(b"you have the keyboard")
            first.type(b"echo from-the-first\r")
            second.type(b"echo from-the-$((1 + 1))nd\r")
            first.read_until(b"from-the-2nd")
            assert b"from-the-first" not in second.output
            second.type(b"exit\r")
            assert (first.wait(), second.wait()) == (0, 0)


def test_kill_ends_everybody_and_everything(whale: Commands, container: ContainerId) -> None:
    with closing(whale.terminal("exec", "-it", container, "sleep", "98765")) as terminal:
        wait_for(lambda: whale.sessions() != [] and whale.sessions()[0]["state"] == "running")
        [session] = whale.sessions()
        done = whale.run("kill", session["id"][:8], "nothing-like-it")
        assert done.returncode == 125
        assert done.stdout.decode() == session["id"][:8] + "\n"
        assert b"nothing-like-it: no such session" in done.stderr
        assert terminal.wait() == 125
        assert b"somebody ended the session" in terminal.output
    assert b"98765" not in whale.run("exec", container, "ps").stdout


def test_who_asks_later_is_told_how_it_ended(whale: Commands, container: ContainerId) -> None:
    with closing(whale.terminal("shell", "--name", "later", container)) as terminal:
        terminal.read_until(b"#")
        terminal.type(b"sleep 1; exit 9\r~d")
        terminal.read_until(b"detached")
        terminal.wait()
    wait_for(lambda: whale.sessions() == [])
    [ended] = [one for one in whale.sessions("--all") if one["name"] == "later"]
    assert (ended["state"], ended["status"]) == ("ended", 9)
    with closing(whale.terminal("attach", "later")) as terminal:
        assert terminal.wait() == 9
    assert "later" not in [one["name"] for one in whale.sessions("--all")]
