import os
import subprocess
from pathlib import Path

import pytest

from bench.ssh import HOST, Ssh, client_configuration, server_configuration


def test_the_server_is_on_loopback_and_takes_keys_only() -> None:
    text = server_configuration(Path("/d"), 2200, "unix:///e.sock", "/bin")
    for line in (
        "ListenAddress 127.0.0.1",
        "Port 2200",
        "AuthorizedKeysFile /d/user_key.pub",
        "PasswordAuthentication no",
        "MaxStartups 1000",
        "SetEnv DOCKER_HOST=unix:///e.sock PATH=/bin HOME=/d/home",
    ):
        assert line in text.splitlines()


def test_the_client_uses_nothing_of_the_user() -> None:
    text = client_configuration(Path("/d"), 2200, "me")
    for line in (
        f"Host {HOST}",
        "  User me",
        "  UserKnownHostsFile /d/known_hosts",
        "  StrictHostKeyChecking yes",
        "  ControlMaster no",
    ):
        assert line in text.splitlines()


def test_our_ssh_comes_first_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert Ssh(Path("/d")).wrapped_path == f"/d/bin{os.pathsep}/usr/bin"


def test_the_client_configuration_is_one_that_ssh_reads(tmp_path: Path) -> None:
    (tmp_path / "client").write_text(client_configuration(tmp_path, 2200, "me"))
    shown = subprocess.run(
        ["ssh", "-F", str(tmp_path / "client"), "-G", HOST], capture_output=True, text=True, check=True, timeout=30
    )
    assert "port 2200" in shown.stdout.splitlines()
