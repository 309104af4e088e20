"""The ways into a container that are compared, as commands. Pure: starts nothing."""

import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from bench.model import BenchError
from bench.ssh import HOST, Ssh

WHALE = "whale"
DOCKER = "docker exec"
DOCKER_SSH = "docker -H ssh:// exec"
SSH_DOCKER = "ssh docker exec"
RAW = "engine socket"
"""Names of the paths, as they stand in every table."""


class Command(NamedTuple):
    """What to start, and in which environment."""

    argv: tuple[str, ...]
    env: dict[str, str]


class Path(NamedTuple):
    """A way to run a command in a container."""

    name: str
    prefix: tuple[str, ...]
    """What stands before `exec`."""
    env: dict[str, str]
    remote: bool = False
    """The command goes through an ssh command line, which is one string for a shell."""

    def exec(self, container: str, command: Sequence[str], *, tty: bool = False, stdin: bool = False) -> Command:
        """The command line that runs `command`; `tty` implies `stdin`."""
        flags = [flag for flag, wanted in (("-i", stdin or tty), ("-t", tty)) if wanted]
        inner = ["exec", *flags, container, *command]
        if not self.remote:
            return Command((*self.prefix, *inner), self.env)
        terminal = ["-tt"] if tty else ["-T"]
        return Command((*self.prefix, *terminal, HOST, shlex.join(["docker", *inner])), self.env)


def whale_path(program: str, env: dict[str, str]) -> Path:
    """Whale through its server."""
    return Path(WHALE, (program,), env)


def docker_path(program: str, host: str) -> Path:
    """The docker command on the engine's own host."""
    return Path(DOCKER, (program,), _environment(host))


def docker_ssh_path(program: str, ssh: Ssh) -> Path:
    """The docker command here, the engine behind ssh."""
    env = _environment(None) | {"PATH": ssh.wrapped_path}
    return Path(DOCKER_SSH, (program, "-H", f"ssh://{HOST}"), env)


def ssh_docker_path(ssh: Ssh) -> Path:
    """The docker command there, run by ssh."""
    return Path(SSH_DOCKER, ssh.argv, _environment(None), remote=True)


def _environment(docker_host: str | None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")}
    return own if docker_host is None else own | {"DOCKER_HOST": docker_host}


def require(program: str | None, name: str) -> str:
    """Say what is missing instead of failing later. Raises `BenchError`."""
    if program is None:
        raise BenchError(f"{name} is not on the PATH")
    return program
