import _socket
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.client.scripted import DEADLINE
from whale.client import watch as room
from whale.client.watch import ASLEEP, MAX_NEWS, NetworkWatch, has_address, way_to

IN_ITS_OWN_NETWORK = """
import select, socket, subprocess
from whale.client.watch import NetworkWatch, way_to

watch = NetworkWatch()
assert not watch.has_changed()
assert way_to(socket.AF_INET, ("127.0.0.1", 1)) == "", "nothing is there yet"
for state in ("up", "down"):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)
    assert select.select([watch.descriptor], [], [], 10)[0], state
    assert watch.has_changed()
    assert way_to(socket.AF_INET, ("127.0.0.1", 1)) == "127.0.0.1", state
assert not watch.has_changed()
"""


def test_an_interface_that_goes_or_comes_is_news() -> None:
    done = subprocess.run(
        ["unshare", "--net", "--map-root-user", sys.executable, "-c", IN_ITS_OWN_NETWORK],
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What is sent here is news."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    monkeypatch.setattr(room, "_listen", lambda: ours)
    with ours, theirs:
        yield theirs


def test_news_are_taken_without_being_read(news: socket.socket) -> None:
    watch = NetworkWatch()
    assert not watch.has_changed()
    for size in (0, 1, 9000):
        news.send(b"x" * size)
    assert select.select([watch.descriptor], [], [], 0)[0]
    assert watch.has_changed()
    assert not watch.has_changed()


def test_a_flood_of_news_holds_nobody_up(news: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_NEWS", 2)
    watch = NetworkWatch()
    for _ in range(3):
        news.send(b"x")
    assert watch.has_changed()
    assert select.select([watch.descriptor], [], [], 0)[0], "the third one waits"
    assert watch.has_changed()
    assert not watch.has_changed()
    assert MAX_NEWS < 1000


def test_news_that_were_dropped_are_news(monkeypatch: pytest.MonkeyPatch) -> None:
    class Overrun:
        def recv(self, size: int) -> bytes:
            raise OSError(105, "no buffer space")

        def fileno(self) -> int:
            return 99

        def close(self) -> None: ...

    monkeypatch.setattr(room, "_listen", Overrun)
    watch = NetworkWatch()
    assert watch.has_changed()
    watch.close()
    watch.close()
    assert watch.descriptor == -1
    assert not watch.has_changed()


def test_a_machine_that_slept_may_be_elsewhere(news: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = NetworkWatch()
    asleep = room._time_asleep() + ASLEEP * 1.5
    monkeypatch.setattr(room, "_time_asleep", lambda: asleep)
    assert watch.has_changed()
    assert not watch.has_changed()


def test_where_there_are_no_news_there_is_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise OSError(97, "not here")

    monkeypatch.setattr(_socket, "socket", refuse)
    monkeypatch.delattr("time.CLOCK_BOOTTIME")
    watch = NetworkWatch()
    assert watch.descriptor == -1
    assert not watch.has_changed()
    watch.close()


def test_other_systems_have_another_socket_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_socket, "AF_NETLINK")
    watch = NetworkWatch()  # on Linux AF_ROUTE is another name for the same
    assert watch.descriptor >= 0
    watch.close()


def test_an_address_that_is_gone_is_no_way_to_hear_anything() -> None:
    assert has_address(socket.AF_INET, "127.0.0.1")
    assert not has_address(socket.AF_INET, "192.0.2.77")
    assert has_address(socket.AF_INET6, "fe80::1"), "what can't be found out is no reason to give up"


def test_the_way_is_named_by_its_near_end() -> None:
    assert way_to(socket.AF_INET, ("127.0.0.1", 9)) == "127.0.0.1"
    assert way_to(socket.AF_INET6, ("fe80::1", 9)) == "", "on which link?"
