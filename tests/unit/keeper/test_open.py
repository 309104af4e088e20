"""What keeps descriptors where, and why nothing can where nothing can."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import keeper_of, name_of
from tests.unit.keeper.manager import Manager
from whale.keeper.open import open_keeper


def test_a_process_of_its_own_where_one_can_be(state: Path) -> None:
    environ = dict(os.environ, NOTIFY_SOCKET="", SYSTEMD_EXEC_PID=str(os.getpid() + 1))
    keeper = open_keeper(state, environ=environ, ttl=100)
    assert (keeper.kind, keeper.reason) == ("keeper", "")
    assert keeper_of(state)
    keeper.close()


def test_systemd_where_it_has_a_store(state: Path, manager: Manager, pipe: tuple[int, int]) -> None:
    keeper = open_keeper(state, environ=manager.environ)
    assert (keeper.kind, keeper.reason) == ("systemd", "")
    keeper.put(name_of(1), pipe)
    keeper.close()
    assert keeper_of(state) == 0


def test_a_store_that_may_hold_nothing(state: Path, manager: Manager) -> None:
    manager.limit = 0
    keeper = open_keeper(state, environ=manager.environ)
    assert keeper.kind == "none"
    assert keeper.reason.endswith("keeps no descriptors for this service; set FileDescriptorStoreMax= in its unit")
    assert keeper_of(state) == 0, "systemd would end it"


NEXT = """
import os, sys
from pathlib import Path
from whale.keeper.open import open_keeper
keeper = open_keeper(Path(sys.argv[1]), environ=os.environ)
print(keeper.kind, [item.name for item in keeper.take_all()])
keeper.close()
"""


def test_what_an_earlier_server_left_is_the_next_ones(state: Path, manager: Manager, pipe: tuple[int, int]) -> None:
    keeper = open_keeper(state, environ=manager.environ)
    keeper.put(name_of(1), pipe)
    manager.settle()
    keeper.close()
    done = manager.run(NEXT, str(state))
    assert (done.stdout, done.stderr) == (f"systemd ['{name_of(1)}']\n", "")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("relative", "names no unix socket"),
        ("@", "names no unix socket"),
        ("vsock:2:1", "names no unix socket"),
        ("/nothing/there", "does not answer: [Errno 2]"),
    ],
)
def test_a_service_manager_that_can_not_be_reached(state: Path, address: str, words: str) -> None:
    keeper = open_keeper(state, environ={"NOTIFY_SOCKET": address})
    assert keeper.kind == "none"
    assert words in keeper.reason


LEFT_OVER = """
import os, sys
from pathlib import Path
from whale.keeper.open import open_keeper
os.environ["NOTIFY_SOCKET"] = "/nothing/there"
os.environ["LISTEN_FDNAMES"] = "whale-" + "0" * 32 + ".01"
keeper = open_keeper(Path(sys.argv[1]), environ=os.environ)
print(keeper.kind, keeper.reason)
"""


def test_a_service_manager_that_goes_while_it_is_asked(state: Path, manager: Manager, pipe: tuple[int, int]) -> None:
    keeper = open_keeper(state, environ=manager.environ)
    keeper.put(name_of(1), pipe[:1])
    manager.settle()
    keeper.close()
    done = manager.run(LEFT_OVER, str(state))
    assert done.stdout.startswith("none systemd does not take the sessions to be kept; ")
    assert done.stderr == ""


def test_a_service_without_a_notification_socket(state: Path) -> None:
    keeper = open_keeper(state, environ={"SYSTEMD_EXEC_PID": str(os.getpid())})
    assert keeper.kind == "none"
    assert "FileDescriptorStoreMax" in keeper.reason
    assert keeper_of(state) == 0, "systemd would end it"


def test_the_first_process_of_a_container(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert "first process of its container" in open_keeper(state, environ={}).reason


@pytest.mark.parametrize("name", ["SO_PEERCRED", "SOCK_SEQPACKET"])
def test_a_platform_whose_sockets_can_not(state: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(socket, name)
    assert "platform" in open_keeper(state, environ={}).reason


def test_a_directory_that_can_not_be_used(state: Path) -> None:
    keeper = open_keeper(state / "nothing", environ={})
    assert keeper.kind == "none"
    assert "state directory" in keeper.reason
    assert "No such file" in keeper.reason


def test_a_process_that_can_not_be_started(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    reason = open_keeper(state, environ={}).reason
    assert reason.startswith("the keeper's process could not be started; ")


def test_a_keeper_that_hangs(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale.keeper.connect.KEEPER_ANSWER", 0.3)
    open_keeper(state, environ=os.environ, ttl=100).close()
    process = keeper_of(state)
    os.kill(process, signal.SIGSTOP)
    reason = open_keeper(state, environ=os.environ).reason
    assert reason == f"the keeper does not answer; stop process {process}; the sessions it keeps are lost"
