"""The keeper in a process of its own: servers that are killed, keepers that are killed, and the limits of both."""

import asyncio
import errno
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import DEADLINE, eventually, is_running, keeper_of, name_of, open_descriptors
from whale.keeper import client
from whale.keeper.client import ProcessKeeper
from whale.keeper.packets import NotNow, close_all, send_packet
from whale.keeper.protocol import END, FULL, ITEM, TTL, encode
from whale.keeper.seam import Item, Keeper
from whale.model.errors import KeeperError, KeeperFull, KeeperLost

Open = Callable[..., ProcessKeeper]


@pytest.fixture
def open_keeper(state: Path) -> Iterator[Open]:
    """Opens keepers of the state directory; closes them at the end."""
    opened: list[ProcessKeeper] = []

    def begin(*, ttl: float = 100) -> ProcessKeeper:
        opened.append(ProcessKeeper(state, ttl=ttl, environ=os.environ))
        return opened[-1]

    yield begin
    for keeper in opened:
        keeper.close()


@pytest.fixture
def keeper(open_keeper: Open) -> ProcessKeeper:
    return open_keeper()


def owner(state: Path, what: str, *arguments: str) -> None:
    """Run a server that kills itself with SIGKILL in the end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.keeper.owner", what, str(state), *arguments],
        timeout=DEADLINE,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")


def names(keeper: Keeper) -> list[str]:
    """The names of all that is kept; the descriptors are closed."""
    items = keeper.take_all()
    for item in items:
        close_all(item.descriptors)
    return [item.name for item in items]


def wait_readable(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(DEADLINE * 1000)


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    eventually(lambda: not is_running(process), "ended")


def test_what_is_put_is_there_for_the_next_server_in_order(open_keeper: Open, pipe: tuple[int, int]) -> None:
    first = open_keeper()
    assert (first.kind, first.reason) == ("keeper", "")
    file = os.memfd_create("window")
    os.write(file, b"content")
    first.put(name_of(1), [pipe[0], file])
    first.put(name_of(2), [pipe[1]])
    first.close()
    close_all((file, *pipe))
    second = open_keeper()
    one, two = second.take_all()
    assert (one.name, two.name) == (name_of(1), name_of(2))
    assert os.pread(one.descriptors[1], 100, 0) == b"content"
    os.write(two.descriptors[0], b"still open")
    assert os.read(one.descriptors[0], 100) == b"still open"
    assert not any(map(os.get_inheritable, (*one.descriptors, *two.descriptors)))
    close_all((*one.descriptors, *two.descriptors))
    assert names(second) == [name_of(1), name_of(2)], "what was taken is kept no more"


@pytest.mark.parametrize(("count", "each"), [(500, 4), (2000, 1), (100, 16)])
def test_a_server_that_is_killed_right_after_leaves_everything_it_put(
    state: Path, open_keeper: Open, count: int, each: int
) -> None:
    owner(state, "put", str(count), str(each))
    items = open_keeper().take_all()
    assert [len(item.descriptors) for item in items] == [each] * count
    assert len({item.name for item in items}) == count
    for item in items:
        close_all(item.descriptors)


def test_what_was_put_before_the_kill_needs_not_have_been_read_by_then(state: Path, open_keeper: Open) -> None:
    owner(state, "put_while_it_sleeps", "100")
    os.kill(keeper_of(state), signal.SIGCONT)
    assert names(open_keeper()) == [name_of(number) for number in range(100)]


def test_a_killed_server_that_had_not_read_everything_takes_nothing_back(state: Path, open_keeper: Open) -> None:
    owner(state, "put_unread", "100")
    assert names(open_keeper()) == ["f" * 32, *(name_of(number) for number in range(100))]


def test_an_item_is_replaced_and_removed(open_keeper: Open, pipe: tuple[int, int]) -> None:
    first = open_keeper()
    first.put(name_of(1), [pipe[0], pipe[1]])
    first.put(name_of(2), [pipe[1]])
    first.put(name_of(1), [pipe[0]])
    first.remove(name_of(2))
    first.remove(name_of(3))
    os.close(pipe[1])
    assert names(first) == [name_of(1)]
    assert os.read(pipe[0], 1) == b"", "the keeper did not let go"


def test_a_keeper_that_is_full_is_known_at_once(open_keeper: Open, pipe: tuple[int, int]) -> None:
    keeper = open_keeper()
    keeper._keeper = keeper._keeper._replace(capacity=5)
    keeper.put(name_of(1), [pipe[0]] * 3)
    keeper.put(name_of(2), [pipe[0]] * 2)
    with pytest.raises(KeeperFull, match="5 descriptors"):
        keeper.put(name_of(3), [pipe[0]])
    keeper.put(name_of(1), [pipe[0]] * 2)
    keeper.put(name_of(3), [pipe[0]])
    with pytest.raises(KeeperFull):
        keeper.put(name_of(2), [pipe[0]] * 3)
    assert names(keeper) == [name_of(1), name_of(3)], "kept what it was to replace"
    keeper.put(name_of(2), [pipe[0]] * 2)
    keeper.remove(name_of(2))
    keeper.put(name_of(2), [pipe[0]] * 2)
    again = open_keeper()
    again._keeper = again._keeper._replace(capacity=5)
    with pytest.raises(KeeperFull):
        again.put(name_of(4), [pipe[0]])
    assert len(names(again)) == 3
    again.put(name_of(2), [pipe[0]] * 2)
    with pytest.raises(KeeperFull):
        again.put(name_of(4), [pipe[0]])


def test_what_the_keeper_could_not_keep_after_all_is_said(keeper: ProcessKeeper, pipe: tuple[int, int]) -> None:
    keeper.check()
    keeper.put(name_of(1), [pipe[0]] * 16)
    assert names(keeper) == [name_of(1)]
    limit = len(open_descriptors(keeper.process)) + 8
    hard = resource.prlimit(keeper.process, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(keeper.process, resource.RLIMIT_NOFILE, (limit, hard))
    keeper.put(name_of(2), [pipe[0]] * 16)
    wait_readable(keeper.descriptor)
    with pytest.raises(KeeperFull) as refused:
        keeper.check()
    assert name_of(2) in refused.value.detail
    keeper.check()
    assert keeper._held == 16
    assert names(keeper) == [name_of(1)]


@pytest.mark.parametrize(("name", "descriptors"), [("no name", [0]), (name_of(1), []), (name_of(1), [0] * 17)])
def test_what_can_not_be_an_item_is_not_sent(keeper: ProcessKeeper, name: str, descriptors: list[int]) -> None:
    with pytest.raises(ValueError, match="an item"):
        keeper.put(name, descriptors)
    assert names(keeper) == []


def test_a_descriptor_that_is_none_is_the_callers_fault(keeper: ProcessKeeper, pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    with pytest.raises(OSError, match="descriptor") as failed:
        keeper.put(name_of(1), pipe)
    assert failed.value.errno == errno.EBADF
    keeper.put(name_of(1), [pipe[0]])
    assert names(keeper) == [name_of(1)]


def test_a_keeper_that_dies_is_noticed_at_the_next_put(keeper: ProcessKeeper, pipe: tuple[int, int]) -> None:
    kill(keeper.process)
    for _ in range(2):
        with pytest.raises(KeeperLost):
            keeper.put(name_of(1), pipe)
        with pytest.raises(KeeperLost):
            keeper.remove(name_of(1))
        with pytest.raises(KeeperLost):
            keeper.take_all()
        with pytest.raises(KeeperLost):
            keeper.set_ttl(1)
        with pytest.raises(KeeperLost):
            keeper.check()
    assert keeper.descriptor >= 0, "closed while a loop may watch it"


async def test_a_keeper_that_dies_is_noticed_by_the_loop(keeper: ProcessKeeper) -> None:
    loop = asyncio.get_running_loop()
    noticed = asyncio.Event()
    loop.add_reader(keeper.descriptor, noticed.set)
    await asyncio.sleep(0.05)
    assert not noticed.is_set()
    os.kill(keeper.process, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE):
        await noticed.wait()
    loop.remove_reader(keeper.descriptor)
    with pytest.raises(KeeperLost) as lost:
        keeper.check()
    assert lost.value.detail == "it ended"


def test_everything_is_put_again_into_a_new_keeper(open_keeper: Open, pipe: tuple[int, int]) -> None:
    keeper = open_keeper()
    items = [Item(name_of(number), pipe) for number in range(10)]
    for item in items:
        keeper.put(*item)
    former = keeper.process
    kill(former)
    with pytest.raises(KeeperLost):
        keeper.check()
    keeper.renew(items[:8])
    assert keeper.process != former
    keeper.check()
    assert keeper._held == 16
    assert names(open_keeper()) == [item.name for item in items[:8]]


def test_a_keeper_that_was_not_lost_after_all_keeps_what_is_wanted_and_nothing_else(
    open_keeper: Open, pipe: tuple[int, int]
) -> None:
    keeper = open_keeper()
    keeper.put(name_of(1), pipe)
    keeper.put(name_of(2), pipe)
    process = keeper.process
    keeper.renew([Item(name_of(2), pipe[:1]), Item(name_of(3), pipe)])
    assert keeper.process == process
    assert keeper._held == 3
    assert names(open_keeper()) == [name_of(2), name_of(3)]


def test_a_keeper_that_can_not_be_renewed_can_be_tried_again(
    open_keeper: Open, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = open_keeper()
    kill(keeper.process)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(KeeperError, match="could not be started"):
            keeper.renew([])
    with pytest.raises(KeeperLost):
        keeper.put(name_of(1), pipe)
    keeper.renew([Item(name_of(1), pipe)])
    assert names(keeper) == [name_of(1)]


def test_a_second_server_takes_over(open_keeper: Open, pipe: tuple[int, int]) -> None:
    first = open_keeper()
    first.put(name_of(1), pipe)
    second = open_keeper()
    wait_readable(first.descriptor)
    with pytest.raises(KeeperLost):
        first.put(name_of(2), pipe)
    assert names(second) == [name_of(1)]


def test_a_keeper_that_hangs_is_waited_for_once(
    keeper: ProcessKeeper, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "KEEPER_PUT", 0.3)
    os.kill(keeper.process, signal.SIGSTOP)

    def put_many() -> None:
        for number in range(100_000):
            keeper.put(name_of(number), pipe)

    started = time.monotonic()
    with pytest.raises(KeeperLost) as lost:
        put_many()
    assert "takes nothing" in lost.value.detail
    busy = time.process_time()
    keeper._is_lost = False
    with pytest.raises(KeeperLost):
        put_many()
    assert time.process_time() - busy < 0.1
    assert time.monotonic() - started > 0.25
    started = time.monotonic()
    with pytest.raises(KeeperLost):
        put_many()
    assert time.monotonic() - started < 0.1


def test_too_many_descriptors_on_their_way_are_waited_for(
    keeper: ProcessKeeper, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = time.monotonic() + 0.2

    def crowded(connection: socket.socket, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
        if descriptors and time.monotonic() < enough:
            raise NotNow(is_writable=True)
        send_packet(connection, packet, descriptors)

    monkeypatch.setattr(client, "send_packet", crowded)
    busy = time.process_time()
    keeper.put(name_of(1), pipe)
    assert time.process_time() - busy < 0.1
    assert names(keeper) == [name_of(1)]


def test_a_keeper_that_does_not_answer_is_not_waited_for(
    keeper: ProcessKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "KEEPER_ANSWER", 0.3)
    os.kill(keeper.process, signal.SIGSTOP)
    with pytest.raises(KeeperLost, match="is gone") as lost:
        keeper.take_all()
    assert "does not answer" in lost.value.detail


def test_the_time_to_wait_is_told(open_keeper: Open, pipe: tuple[int, int]) -> None:
    first = open_keeper(ttl=0.3)
    first.put(name_of(1), pipe)
    first.set_ttl(100)
    first.close()
    time.sleep(0.6)
    second = open_keeper(ttl=100)
    assert (second.process, names(second)) == (first.process, [name_of(1)])
    second.set_ttl(0)
    second.close()
    eventually(lambda: not is_running(second.process), "ended")


def test_a_time_that_was_changed_is_told_a_new_keeper_too(open_keeper: Open, pipe: tuple[int, int]) -> None:
    keeper = open_keeper(ttl=100)
    keeper.set_ttl(0)
    kill(keeper.process)
    keeper.renew([Item(name_of(1), pipe)])
    keeper.close()
    eventually(lambda: not is_running(keeper.process), "ended")


FEW = """
import os, pathlib, resource, sys
from whale.keeper.client import ProcessKeeper
from whale.model.errors import KeeperError
keeper = ProcessKeeper(pathlib.Path(sys.argv[1]), ttl=100, environ={})
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
before = os.listdir("/proc/self/fd")
try:
    keeper.take_all()
except KeeperError as error:
    print(error.code, error.detail, error.hint.split()[0])
print(os.listdir("/proc/self/fd") == before)
"""


def test_a_server_that_may_not_open_as_many_is_told_and_nothing_is_lost(
    state: Path, open_keeper: Open, pipe: tuple[int, int]
) -> None:
    first = open_keeper()
    for number in range(10):
        first.put(name_of(number), [pipe[0]] * 8)
    first.close()
    done = subprocess.run(
        [sys.executable, "-c", FEW, str(state)], capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    error, is_clean = done.stdout.splitlines()
    assert error.startswith("keeper.unavailable ")
    assert error.endswith(" sessions did not fit raise")
    assert is_clean == "True"
    assert len(names(open_keeper())) == 10


@pytest.mark.parametrize(
    "packets",
    [
        [b"nonsense"],
        [encode(TTL, "", 1)],
        [encode(ITEM, name_of(1)), encode(END, "", 2)],
        [encode(ITEM, name_of(1)), encode("W", "", 1, 2, 3, 4)],
    ],
)
def test_a_keeper_that_talks_nonsense_counts_as_lost(
    keeper: ProcessKeeper, pipe: tuple[int, int], packets: list[bytes]
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper.close()
    keeper._keeper = keeper._keeper._replace(connection=ours)
    keeper._is_lost = False
    with theirs:
        for packet in packets:
            send_packet(theirs, packet, pipe if packet[:1] in b"In" else ())
        with pytest.raises(KeeperLost):
            keeper.take_all()


def test_an_item_that_nobody_asked_for_is_closed(keeper: ProcessKeeper, pipe: tuple[int, int]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper.close()
    keeper._keeper = keeper._keeper._replace(connection=ours)
    keeper._is_lost = False
    with theirs:
        send_packet(theirs, encode(ITEM, name_of(1)), pipe)
        with pytest.raises(KeeperLost):
            keeper.check()


def test_a_full_that_crosses_the_question_for_everything(keeper: ProcessKeeper, pipe: tuple[int, int]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper.close()
    keeper._keeper = keeper._keeper._replace(connection=ours)
    keeper._is_lost = False
    with theirs:
        send_packet(theirs, encode(ITEM, name_of(1)), pipe)
        send_packet(theirs, encode(FULL, name_of(2)))
        with pytest.raises(KeeperFull):
            keeper.take_all()


def test_closing_twice_is_fine(keeper: ProcessKeeper) -> None:
    keeper.close()
    keeper.close()
    assert keeper.descriptor == -1
    with pytest.raises(KeeperLost):
        keeper.put(name_of(1), [0])
