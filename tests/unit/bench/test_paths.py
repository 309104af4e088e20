from pathlib import Path as FilePath

import pytest

from bench.model import BenchError
from bench.paths import docker_path, docker_ssh_path, require, ssh_docker_path, whale_path
from bench.ssh import HOST, Ssh

SSH = Ssh(FilePath("/keys"))


def test_flags_stand_where_both_commands_take_them() -> None:
    way = whale_path("/bin/whale", {"WHALE_URL": "http://x"})
    assert way.exec("c", ["true"]).argv == ("/bin/whale", "exec", "c", "true")
    assert way.exec("c", ["cat"], stdin=True).argv == ("/bin/whale", "exec", "-i", "c", "cat")
    assert way.exec("c", ["bash"], tty=True).argv == ("/bin/whale", "exec", "-i", "-t", "c", "bash")
    assert way.exec("c", ["true"]).env == {"WHALE_URL": "http://x"}


def test_docker_is_told_the_engine_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///other")
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    env = docker_path("/bin/docker", "unix:///ours").exec("c", ["true"]).env
    assert env["DOCKER_HOST"] == "unix:///ours"
    assert "DOCKER_CONTEXT" not in env


def test_docker_over_ssh_finds_our_ssh_first_and_no_other_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///other")
    monkeypatch.setenv("PATH", "/usr/bin")
    command = docker_ssh_path("/bin/docker", SSH).exec("c", ["true"])
    assert command.argv[:3] == ("/bin/docker", "-H", f"ssh://{HOST}")
    assert command.env["PATH"] == "/keys/bin:/usr/bin"
    assert "DOCKER_HOST" not in command.env


@pytest.mark.parametrize(("tty", "flag"), [(True, "-tt"), (False, "-T")])
def test_a_remote_command_is_one_quoted_string(tty: bool, flag: str) -> None:
    argv = ssh_docker_path(SSH).exec("c", ["sh", "-c", "echo a b"], tty=tty).argv
    assert argv[-3:-1] == (flag, HOST)
    assert argv[-1].startswith("docker exec ")
    assert argv[-1].endswith(" c sh -c 'echo a b'")


def test_a_missing_program_is_named() -> None:
    assert require("/bin/docker", "docker") == "/bin/docker"
    with pytest.raises(BenchError, match="docker"):
        require(None, "docker")
