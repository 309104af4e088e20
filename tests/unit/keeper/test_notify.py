"""Telling the service manager: addresses, datagrams, the barrier, and managers that do not listen."""

import os
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import eventually
from tests.unit.keeper.manager import Manager
from whale.keeper import notify
from whale.keeper.notify import Notify, hung_up


def from_environ(manager: Manager) -> Notify:
    made = Notify.from_environ(manager.environ)
    assert made is not None
    return made


@pytest.mark.parametrize("abstract", [False, True])
def test_says_that_it_is_ready_and_that_it_stops(tmp_path: Path, abstract: bool) -> None:
    manager = Manager(tmp_path, abstract=abstract).start()
    sender = from_environ(manager)
    sender.ready()
    sender.stopping()
    sender.barrier()
    assert manager.said == ["READY=1", "STOPPING=1"]
    sender.close()
    sender.close()
    manager.close()


@pytest.mark.parametrize("address", [None, "", "/", "@", "vsock:2:1234", "relative/path"])
def test_an_address_that_can_not_be_used(address: str | None) -> None:
    assert Notify.from_environ({} if address is None else {"NOTIFY_SOCKET": address}) is None


def test_the_barrier_waits_until_everything_was_read(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    sender = from_environ(manager)
    sender.send("READY=1")
    with pytest.raises(TimeoutError, match="does not read"):
        sender.barrier(timeout=0.2)
    manager.start()
    sender.barrier()
    assert manager.said == ["READY=1"]
    sender.close()
    manager.close()


def test_a_manager_that_is_gone_ends_nobody(manager: Manager) -> None:
    sender = from_environ(manager)
    manager.close()
    sender.ready()
    sender.stopping()
    with pytest.raises(ConnectionRefusedError):
        sender.send("READY=1")
    with pytest.raises(ConnectionRefusedError):
        sender.barrier()
    sender.close()


def test_a_manager_that_reads_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "KEEPER_PUT", 0.2)
    manager = Manager(tmp_path)
    sender = from_environ(manager)

    def send_many() -> None:
        for _ in range(100_000):
            sender.send("READY=1")

    with pytest.raises(TimeoutError):
        send_many()
    sender.close()
    manager.start().close()


def test_descriptors_go_along(manager: Manager, pipe: tuple[int, int]) -> None:
    sender = from_environ(manager)
    sender.send("FDSTORE=1", "FDNAME=some", descriptors=[pipe[1]])
    eventually(lambda: manager.stored() == ["some"], "stored")
    os.close(pipe[1])
    assert not hung_up(pipe[0])
    sender.send("FDSTOREREMOVE=1", "FDNAME=some")
    sender.barrier()
    assert hung_up(pipe[0])
    sender.close()
