"""A CI job without a secret: the real programs, and a certified provider that signs the job's token."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.test_people import operator
from tests.e2e.test_revocation import LIMIT, WAIT, seconds_until
from tests.engines import TestEngine
from tests.oidc_provider import ProviderProcess, oidc_provider
from tests.server_process import ServerProcess, running_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))
AUDIENCE = "https://whale.example"

JOBS = {
    "main": {"repository": "acme/app", "ref": "refs/heads/main", "protected": True},
    "branch": {"repository": "acme/app", "ref": "refs/heads/feature/x", "protected": False},
    "evil": {"repository": "acme/app-evil", "ref": "refs/heads/main", "protected": True},
    "list": {"repository": ["acme/app"], "ref": "refs/heads/main", "protected": True},
}

RULES = """
[[federation]]
name = "deploy"
issuer = "{issuer}"
audience = "https://whale.example"
claims = {{ repository = "acme/app", ref = "refs/heads/main", protected = true }}
actions = ["exec", "shell"]

[[federation]]
name = "test"
issuer = "{issuer}"
audience = "https://whale.example"
claims = {{ repository = "acme/app", ref = "refs/heads/**" }}
actions = ["list"]
"""


class Machine(NamedTuple):
    """A runner's machine."""

    folder: Path
    server: ServerProcess

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("WHALE", "ACTIONS_"))}
        return clean | {"WHALE_CONFIG_DIR": str(self.folder)}

    def __call__(self, *args: str, status: int = 0, token: str = "") -> str:
        environment = self.environment | ({"WHALE_ID_TOKEN": token} if token else {})
        done = subprocess.run([WHALE, *args], env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == status, done.stderr
        assert not token or token not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def log_in(self, token: str, *, status: int = 0) -> str:
        return self("login", "--federated", self.server.url, token=token, status=status)

    def is_let_in(self, token: str) -> bool:
        environment = self.environment | {"WHALE_ID_TOKEN": token}
        return (
            subprocess.run([WHALE, "login", "--federated", self.server.url], env=environment, check=False).returncode
            == 0
        )

    def shell(self, container: ContainerId) -> TerminalProcess:
        terminal = TerminalProcess([WHALE, "exec", "-it", container, "sh", "-c", WAIT], self.environment)
        terminal.read_until(b"ready")
        return terminal


class World(NamedTuple):
    provider: ProviderProcess
    settings: Path
    state: Path
    server: ServerProcess
    machine: Machine

    def write_rules(self, rules: str) -> None:
        self.settings.write_text(rules.format(issuer=self.provider.issuer))

    def reload(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)

    def events(self, kind: str) -> list[dict[str, object]]:
        """Of that kind, the oldest first."""
        found = operator(self.state, "audit", "search", "--kind", kind, "--format", "json")
        return [json.loads(line) for line in found.splitlines()]


@contextmanager
def opened_world(engine: str, folder: Path) -> Iterator[World]:
    settings = folder / "whale.toml"
    with oidc_provider(jobs=JOBS) as provider:
        settings.write_text(RULES.format(issuer=provider.issuer))
        with running_server(engine, folder, "--config", str(settings)) as server:
            yield World(provider, settings, folder / "state", server, Machine(folder / "runner", server))


def test_a_job_gets_in_by_its_rule_and_no_other_job(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    with opened_world(docker.url, tmp_path) as world:
        machine, provider = world.machine, world.provider
        token = provider.job_token("main", AUDIENCE)
        assert "as deploy," in machine.log_in(token)
        assert (machine.folder / "config.json").stat().st_mode & 0o777 == 0o600
        assert machine("exec", container, "echo", "hello") == "hello\n"
        assert "outside the token's scope" in machine("logs", container, status=125)
        assert "used already" in machine.log_in(token, status=125)
        file = tmp_path / "token"
        file.write_text(provider.job_token("branch", AUDIENCE) + "\n")
        assert "as test," in machine("login", "--federated", "--id-token-file", str(file), world.server.url)
        assert "outside the token's scope" in machine("exec", container, "true", status=125)
        for job, audience in (("evil", AUDIENCE), ("list", AUDIENCE), ("main", f"{AUDIENCE}/")):
            assert "no rule" in machine.log_in(provider.job_token(job, audience), status=125)
        reasons = [event["reason"] for event in world.events("exchange.refused")]
        assert reasons == [
            "the job's token was used already",
            "deploy: repository, test: repository",
            "deploy: repository, test: repository",
            "deploy: aud, test: aud",
        ]
        provider.rotate()
        seconds_until(lambda: machine.is_let_in(provider.job_token("main", AUDIENCE)))  # keys are looked for in time
        exchanged = world.events("token.exchanged")
        assert [event["principal"] for event in exchanged] == ["deploy", "test", "deploy"]
        assert {event["issuer"] for event in exchanged} == {provider.issuer}
        assert token not in world.server.log()


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_a_rule_takes_what_lives_by_it_with_it(
    docker: TestEngine, container: ContainerId, tmp_path: Path, change: str
) -> None:
    with opened_world(docker.url, tmp_path) as world:
        world.machine.log_in(world.provider.job_token("main", AUDIENCE))
        with closing(world.machine.shell(container)) as terminal:
            world.write_rules(RULES + "colour = 'red'\n")
            world.reload()
            seconds_until(lambda: bool(world.events("federation.refused")))
            assert docker.processes(container), "a file that is wrong changes nothing"
            world.write_rules("" if change == "gone" else RULES.replace('"exec", "shell"', '"exec"'))
            world.reload()
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125
        assert "revoked" in world.machine("ps", status=125)


def test_a_restart_forgets_no_use_and_keeps_shells(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    with opened_world(docker.url, tmp_path) as world:
        token = world.provider.job_token("main", AUDIENCE)
        world.machine.log_in(token)
        with closing(world.machine.shell(container)) as terminal:
            world.server.stop()
            world.server.start()
            assert world.machine("exec", container, "echo", "hello") == "hello\n"
            assert docker.processes(container)
            assert "used already" in world.machine.log_in(token, status=125)
            world.server.stop()
            world.write_rules(RULES.replace('name = "deploy"', 'name = "other"'))
            world.server.start()
            assert seconds_until(lambda: not docker.processes(container)) < LIMIT
            assert terminal.wait() == 125


def test_an_issuer_that_is_away_is_said_to_be(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    with opened_world(docker.url, tmp_path) as world:
        token = world.provider.job_token("main", AUDIENCE)
        world.provider.kill()
        assert "does not answer" in world.machine.log_in(token, status=125)
        assert container
