"""A person from the link to the end, with the real programs."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.test_revocation import LIMIT, WAIT, seconds_until
from tests.engines import TestEngine
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Browser, oidc_provider
from tests.server_process import ServerProcess, running_server, whale_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))


class Person:
    """Somebody's machine: a folder for the logins, and nothing in the environment."""

    def __init__(self, folder: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WHALE")}
        self.environment = clean | {"WHALE_CONFIG_DIR": str(folder)}
        self.file = folder / "config.json"

    def __call__(self, *args: str, status: int = 0) -> str:
        done = subprocess.run(
            [WHALE, *args], env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    def expire(self) -> None:
        """Let the access token be at its end, as far as this machine knows."""
        saved = json.loads(self.file.read_text())
        for profile in saved["profiles"].values():
            profile["expires"] = time.time()
        self.file.write_text(json.dumps(saved))

    def shell(self, container: ContainerId) -> TerminalProcess:
        terminal = TerminalProcess([WHALE, "exec", "-it", container, "sh", "-c", WAIT], self.environment)
        terminal.read_until(b"ready")
        return terminal


def operator(state: Path, *args: str) -> str:
    done = subprocess.run(whale_server(*args, state_dir=state), capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def link(server: ServerProcess, state: Path, *args: str) -> str:
    """What `whale-server user` prints, for the port that the server has."""
    code = operator(state, "user", *args).split("#")[1].strip().strip("'")
    return f"{server.url}#{code}"


def test_from_the_link_to_the_end(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_server(docker.url, tmp_path) as server:
        alice = Person(tmp_path / "alice")
        given = link(server, state, "add", "alice")
        assert "alice" in alice("login", given)
        assert alice.file.stat().st_mode & 0o777 == 0o600
        assert alice("exec", container, "echo", "hello") == "hello\n"
        assert "not valid" in Person(tmp_path / "mallory")("login", given, status=125)

        before = json.loads(alice.file.read_text())
        alice.expire()
        racing = [subprocess.Popen([WHALE, "ps"], env=alice.environment) for _ in range(4)]
        assert [each.wait(30) for each in racing] == [0] * 4, "terminals that refresh at once are one client"
        after = json.loads(alice.file.read_text())
        assert before != after

        with closing(alice.shell(container)) as terminal:
            assert docker.processes(container)
            copied = Person(tmp_path / "copy")
            copied.file.parent.mkdir(mode=0o700)
            copied.file.touch(0o600)
            copied.file.write_text(json.dumps(before))
            copied.expire()
            assert "two places" in copied("ps", status=125), "an old copy of the login"
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125
        assert "log in again" in alice("ps", status=125)
        assert '"login.reused"' in operator(state, "audit", "search", "--by", "alice", "--format", "json")


def test_logging_out_and_being_disabled_end_shells(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_server(docker.url, tmp_path) as server:
        bob = Person(tmp_path / "bob")
        bob("login", link(server, state, "add", "bob"))
        with closing(bob.shell(container)) as terminal:
            assert "logged out" in bob("logout")
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125
        bob("login", link(server, state, "link", "bob"))
        with closing(bob.shell(container)) as terminal:
            operator(state, "user", "disable", "bob")
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125
        bob("ps", status=125)


async def by_browser(person: Person, server: ServerProcess, account: str, name: str) -> None:
    """Log in with `whale login`, and with a browser as `account` of the provider."""
    argv = [WHALE, "login", "--no-browser", server.url]
    with closing(TerminalProcess(argv, person.environment)) as terminal:
        await asyncio.to_thread(terminal.read_until, b"type the code ")
        code = (await asyncio.to_thread(terminal.read_until, b"\n")).decode().strip().split()[-1]
        async with Browser.opened() as browser:
            page = await browser.post(f"{server.url}/login", {"code": code})
            page = await browser.log_in(page, account)
            assert code in page.text
            page = await browser.post(f"{server.url}/login/confirm", {"answer": "allow"})
        assert f"logged in as {name}" in page.text
        assert await asyncio.to_thread(terminal.wait) == 0


async def test_by_a_browser_with_an_identity_provider(
    docker: TestEngine, container: ContainerId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, policies = tmp_path / "secret", tmp_path / "policies"
    secret.write_text(CLIENT_SECRET)
    policies.mkdir()
    (policies / "group.cedar").write_text('@id("group") permit(principal in Group::"developer", action, resource);')
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(policies))
    settings = tmp_path / "whale.toml"
    with oidc_provider() as provider:
        settings.write_text(
            f'[oidc]\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT_ID}"\nclient_secret_file = "{secret}"\n'
        )
        with running_server(docker.url, tmp_path, "--config", str(settings)) as server:
            carol, bob = Person(tmp_path / "carol"), Person(tmp_path / "bob")
            await by_browser(carol, server, "1001", "carol")
            await by_browser(bob, server, "1002", "bob")
            assert carol("exec", container, "echo", "hello") == "hello\n"
            assert "no container named" in bob("exec", container, "true", status=125), "in no group that may"
            provider.kill()
            carol.expire()
            assert carol("exec", container, "echo", "again") == "again\n", "logins that there are go on"
