"""systemd's store, with a stand-in for systemd: servers that are killed, parts of items, limits, and the probe."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import eventually, name_of
from tests.unit.keeper.manager import Manager
from whale.keeper import systemd
from whale.keeper.inherited import labels
from whale.keeper.notify import Notify
from whale.keeper.seam import Item
from whale.keeper.systemd import MOST, NAMES_SIZE, SystemdKeeper
from whale.model.errors import KeeperFull, KeeperLost

NEXT = """
import os, sys
from whale.keeper.notify import Notify
from whale.keeper.systemd import SystemdKeeper
passed = range(3, 3 + int(os.environ["LISTEN_FDS"]))
keeper = SystemdKeeper(Notify.from_environ(os.environ), os.environ)
assert keeper.works()
items = keeper.take_all()
for item in sorted(items):
    print(item.name, *(os.pread(descriptor, 9, 0).decode() for descriptor in item.descriptors))
assert keeper.take_all() == []
left = [number for number in passed if os.path.exists(f"/proc/self/fd/{number}")]
assert left == sorted(number for item in items for number in item.descriptors)
for item in items[:1]:
    keeper.put(item.name, item.descriptors)
keeper.close()
"""


@pytest.fixture
def keeper(manager: Manager) -> Iterator[SystemdKeeper]:
    opened = SystemdKeeper(Notify(manager.address), {})
    yield opened
    opened.close()


@pytest.fixture
def files() -> Iterator[list[int]]:
    """Sixteen files, each with its number as content."""
    made = [os.memfd_create(str(number)) for number in range(16)]
    for number, file in enumerate(made):
        os.write(file, str(number).encode())
    yield made
    for file in made:
        os.close(file)


def test_what_is_put_is_there_for_the_next_server_in_order(
    manager: Manager, keeper: SystemdKeeper, files: list[int]
) -> None:
    assert (keeper.kind, keeper.reason, keeper.descriptor) == ("systemd", "", -1)
    keeper.put(name_of(1), files)
    other = os.memfd_create("other")
    os.write(other, b"x")
    keeper.put(name_of(2), [other])
    os.close(other)
    manager.settle()
    for _ in range(3):  # what a server takes is kept for the one after it
        done = manager.run(NEXT)
        assert done.stderr == ""
        assert done.stdout.splitlines() == [
            " ".join([name_of(1), *map(str, range(16))]),
            f"{name_of(2)} x",
        ]


def test_a_part_of_an_item_is_not_taken_and_let_go(manager: Manager, keeper: SystemdKeeper, files: list[int]) -> None:
    keeper.put(name_of(1), files[:3])
    keeper.put(name_of(2), files[3:6])
    keeper.put(name_of(3), files[6:7])
    manager.settle()
    keeper._notify.send("FDSTOREREMOVE=1", f"FDNAME={labels(name_of(1), 3)[0]}")
    keeper._notify.send("FDSTOREREMOVE=1", f"FDNAME={labels(name_of(3), 1)[0]}")
    manager.settle()
    done = manager.run(NEXT)
    assert (done.stdout, done.stderr) == (f"{name_of(2)} 3 4 5\n", "")
    manager.settle()
    assert sorted(manager.stored()) == [str(label) for label in labels(name_of(2), 3)]


def test_of_two_items_of_a_name_one_is_taken(manager: Manager, keeper: SystemdKeeper, files: list[int]) -> None:
    for total, some in ((1, files[:1]), (2, files[1:3])):
        for label, file in zip(labels(name_of(1), total), some, strict=True):
            keeper._notify.send("FDSTORE=1", f"FDNAME={label}", descriptors=[file])
    manager.settle()
    done = manager.run(NEXT)
    assert (done.stdout, done.stderr) == (f"{name_of(1)} 0\n", "")
    manager.settle()
    assert manager.stored() == [str(label) for label in labels(name_of(1), 1)]


def test_an_item_is_replaced_even_by_the_same_files_in_another_order(
    manager: Manager, keeper: SystemdKeeper, files: list[int]
) -> None:
    keeper.put(name_of(1), files[:3])
    keeper.put(name_of(1), [files[2], files[0]])
    manager.settle()
    assert manager.run(NEXT).stdout == f"{name_of(1)} 2 0\n"


def test_an_item_is_removed(manager: Manager, keeper: SystemdKeeper, files: list[int]) -> None:
    keeper.put(name_of(1), files[:3])
    keeper.put(name_of(2), files[3:4])
    keeper.remove(name_of(1))
    keeper.remove(name_of(3))
    manager.settle()
    assert manager.stored() == [str(label) for label in labels(name_of(2), 1)]


def test_a_stream_whose_other_end_is_gone_is_kept(
    manager: Manager, keeper: SystemdKeeper, pipe: tuple[int, int]
) -> None:
    os.write(pipe[1], b"last words")
    keeper.put(name_of(1), [pipe[0]])
    keeper._notify.send("FDSTORE=1", "FDNAME=other", descriptors=[pipe[1]])
    manager.settle()
    keeper._notify.send("FDSTOREREMOVE=1", "FDNAME=other")
    os.close(pipe[1])
    manager.settle()
    looked = Manager._let_go_of_the_dead
    rounds: list[int] = []

    def counted() -> None:
        rounds.append(1)
        looked(manager)

    manager._let_go_of_the_dead = counted  # type: ignore[method-assign]
    eventually(lambda: len(rounds) > 3, "looked for the dead")
    assert manager.stored() == [str(label) for label in labels(name_of(1), 1)]


@pytest.mark.parametrize(("told", "capacity"), [("5", 5), ("", MOST), ("1000000", MOST), ("x", MOST)])
def test_keeps_below_what_the_unit_is_allowed(manager: Manager, told: str, capacity: int) -> None:
    keeper = SystemdKeeper(Notify(manager.address), {"FDSTORE": told})
    assert keeper.capacity == capacity
    keeper.close()


def test_a_store_that_is_full_is_known_at_once(manager: Manager, files: list[int]) -> None:
    keeper = SystemdKeeper(Notify(manager.address), {"FDSTORE": "5"})
    keeper.put(name_of(1), files[:3])
    keeper.put(name_of(2), files[3:5])
    with pytest.raises(KeeperFull, match="5 descriptors"):
        keeper.put(name_of(3), files[5:6])
    with pytest.raises(KeeperFull):
        keeper.put(name_of(2), files[5:8])
    manager.settle()
    assert manager.stored() == [str(label) for label in labels(name_of(1), 3)], "kept what it was to replace"
    keeper.put(name_of(3), files[5:7])
    keeper.close()


def test_the_names_of_all_that_fits_can_be_passed_on() -> None:
    """Linux starts no process with a variable of 128 KiB; other sockets of the unit need some room too."""
    names = ":".join([str(labels(name_of(1), 16)[3])] * MOST)
    assert NAMES_SIZE - 100 < len(names) < NAMES_SIZE
    assert len(f"LISTEN_FDNAMES={names}") < 128 * 1024 - 4096
    environ = {"LISTEN_FDNAMES": names + ":" + "x" * 4096}
    assert os.waitstatus_to_exitcode(os.waitpid(os.spawnve(os.P_NOWAIT, "/bin/true", ["true"], environ), 0)[1]) == 0
    environ["LISTEN_FDNAMES"] += "x" * 8192
    assert os.waitstatus_to_exitcode(os.waitpid(os.spawnve(os.P_NOWAIT, "/bin/true", ["true"], environ), 0)[1]) != 0


def test_the_probe_finds_a_store_and_leaves_nothing_in_it(manager: Manager, keeper: SystemdKeeper) -> None:
    assert keeper.works()
    assert manager.store == []


def test_the_probe_finds_that_a_unit_is_allowed_none(manager: Manager, keeper: SystemdKeeper) -> None:
    manager.limit = 0
    assert not keeper.works()


def test_the_probe_is_not_taken_in_by_one_who_holds_everything(manager: Manager, keeper: SystemdKeeper) -> None:
    manager.forgets = False
    assert not keeper.works()


def test_a_store_with_items_needs_no_probe_and_may_be_full(
    manager: Manager, keeper: SystemdKeeper, files: list[int]
) -> None:
    manager.limit = 1
    keeper.put(name_of(1), files[:1])
    manager.settle()
    assert manager.run(NEXT).stderr == ""


def test_a_manager_that_does_not_answer_is_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notify.barrier, "__kwdefaults__", {"timeout": 0.2})
    manager = Manager(tmp_path)
    keeper = SystemdKeeper(Notify(manager.address), {})
    with pytest.raises(TimeoutError):
        keeper.works()
    keeper.close()
    manager.start().close()


def test_a_manager_that_is_gone_is_noticed_and_what_is_put_again_is_kept(
    tmp_path: Path, keeper: SystemdKeeper, manager: Manager, files: list[int]
) -> None:
    keeper.put(name_of(1), files[:2])
    keeper.put(name_of(2), files[2:4])
    manager.close()
    os.unlink(tmp_path / "notify")
    with pytest.raises(KeeperLost) as lost:
        keeper.put(name_of(3), files[4:6])
    assert "No such file" in lost.value.detail
    with pytest.raises(KeeperLost):
        keeper.remove(name_of(1))
    again = Manager(tmp_path).start()
    keeper.renew([Item(name_of(2), tuple(files[2:4])), Item(name_of(3), tuple(files[4:6]))])
    again.settle()
    assert sorted(again.stored()) == [str(label) for name in (2, 3) for label in labels(name_of(name), 2)]
    again.close()


def test_what_renew_is_not_given_is_let_go(manager: Manager, keeper: SystemdKeeper, files: list[int]) -> None:
    keeper.put(name_of(1), files[:2])
    keeper.put(name_of(2), files[2:4])
    keeper.renew([Item(name_of(2), tuple(files[2:4]))])
    manager.settle()
    assert sorted(manager.stored()) == [str(label) for label in labels(name_of(2), 2)]


@pytest.mark.parametrize(("name", "count"), [("no name", 1), (name_of(1), 0), (name_of(1), 17)])
def test_what_can_not_be_an_item_is_not_sent(manager: Manager, keeper: SystemdKeeper, name: str, count: int) -> None:
    with pytest.raises(ValueError, match="an item"):
        keeper.put(name, [0] * count)
    manager.settle()
    assert manager.store == []


UNTAKEN = """
import os
from whale.keeper.notify import Notify
from whale.keeper.systemd import SystemdKeeper
before = set(os.listdir("/proc/self/fd"))
keeper = SystemdKeeper(Notify.from_environ(os.environ), os.environ)
keeper.set_ttl(1)
keeper.check()
keeper.close()
keeper.close()
print(len(before) - len(os.listdir("/proc/self/fd")))
"""


def test_what_nobody_took_is_closed_and_kept(manager: Manager, keeper: SystemdKeeper, files: list[int]) -> None:
    keeper.put(name_of(1), files[:3])
    manager.settle()
    done = manager.run(UNTAKEN)
    assert (done.stdout, done.stderr) == ("3\n", "")
    assert len(manager.store) == 3


def test_the_probe_is_no_item() -> None:
    assert systemd._PROBE not in [str(label) for label in labels(name_of(1), 1)]
