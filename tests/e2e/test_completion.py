"""Completion as users have it: a real bash, zsh and fish in a terminal, and the names of containers that run."""

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.unit.client.processes import OWN_TERMINAL, TerminalProcess
from whale.model.ids import ContainerId

BIN = Path(sys.executable).parent
LOAD = {
    "bash": (["--norc", "-i"], "source <(whale completion bash)"),
    "zsh": (["-f", "-i"], "autoload -Uz compinit; compinit -u -D; source <(whale completion zsh)"),
    "fish": (["--no-config", "--interactive"], "whale completion fish | source"),
}
"""How each is started without its user's settings, and what its user puts into them."""


@pytest.fixture
def env(server: ServerProcess, tmp_path: Path) -> dict[str, str]:
    own = {"PATH": f"{BIN}:{server.environment['PATH']}", "HOME": str(tmp_path), "TERM": "vt100", "PS1": "$ "}
    return server.environment | own | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}


def name_of(container: ContainerId, env: dict[str, str]) -> str:
    listed = subprocess.run([BIN / "whale", "ps", "--format", "json"], env=env, capture_output=True, check=True)
    (name,) = [row["name"] for row in json.loads(listed.stdout) if row["id"] == container]
    return str(name)


@pytest.mark.parametrize("shell", LOAD)
def test_the_name_of_a_running_container_is_completed(shell: str, container: ContainerId, env: dict[str, str]) -> None:
    program = shutil.which(shell)
    assert program is not None, f"{shell} is one of the packages of the tests"
    options, load = LOAD[shell]
    name = name_of(container, env)
    begin = f"{OWN_TERMINAL}; import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    with closing(TerminalProcess([sys.executable, "-c", begin, program, *options], env)) as terminal:
        terminal.type(f"{load}; echo load''ed\n".encode())
        terminal.read_until(b"loaded")
        terminal.output = b""
        terminal.type(f"whale shell {name[:-2]}\t".encode())
        terminal.read_until(name.encode())
