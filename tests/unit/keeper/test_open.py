"""What keeps sessions where, and why nothing can where nothing can."""

import os
import socket
from pathlib import Path

import pytest

from whale.keeper.open import open_keeper


def test_a_process_of_its_own_where_one_can_be(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    keeper = open_keeper(tmp_path, environ=dict(os.environ, NOTIFY_SOCKET=""), ttl=0.1)
    assert (keeper.kind, keeper.reason) == ("keeper", "")
    keeper.close()


@pytest.mark.parametrize("address", ["relative", "@", "/nothing/there"])
def test_a_service_manager_that_can_not_be_reached(tmp_path: Path, address: str) -> None:
    keeper = open_keeper(tmp_path, environ={"NOTIFY_SOCKET": address})
    assert keeper.kind == "none"
    assert keeper.reason
    keeper.close()


def test_a_service_without_a_store(tmp_path: Path) -> None:
    keeper = open_keeper(tmp_path, environ={"SYSTEMD_EXEC_PID": str(os.getpid())})
    assert keeper.kind == "none"
    assert "FileDescriptorStoreMax" in keeper.reason


def test_the_first_process_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert "first process of its container" in open_keeper(tmp_path, environ={}).reason


def test_a_platform_whose_sockets_can_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    assert "platform" in open_keeper(tmp_path, environ={}).reason


def test_a_directory_that_can_not_be_used(tmp_path: Path) -> None:
    keeper = open_keeper(tmp_path / "nothing", environ={})
    assert keeper.kind == "none"
    assert "state directory" in keeper.reason
