import _socket
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.client.scripted import DEADLINE, wait_until
from whale.client import race as room
from whale.client.address import Address
from whale.client.race import MAX_ATTEMPTS, MAX_LOOKUPS, Race
from whale.client.watch import NetworkWatch


class Watch(NetworkWatch):
    """One whose news come from the test."""

    def __init__(self) -> None:
        self.descriptor = -1
        self.news = 0

    def has_changed(self) -> bool:
        self.news, had = 0, self.news
        return bool(had)

    def close(self) -> None: ...


class Running:
    """A race in a thread."""

    def __init__(self, race: Race, seconds: float = DEADLINE) -> None:
        self.race = race
        self.won: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, args=(time.monotonic() + seconds,))
        self._thread.start()

    def _run(self, deadline: float) -> None:
        won = self.race.run(deadline)
        self.won = None if won is None else socket.socket(fileno=won.detach())

    def wait(self) -> socket.socket | None:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        return self.won

    @property
    def attempts(self) -> int:
        return len(self.race._attempts)


@contextmanager
def running(race: Race, seconds: float = DEADLINE) -> Iterator[Running]:
    made = Running(race, seconds)
    try:
        yield made
    finally:
        race.stop()
        won = made.wait()
        if won is not None:
            won.close()
        race.close()


@contextmanager
def deaf_port() -> Iterator[tuple[int, Callable[[], None]]]:
    """A port that takes no connection, as if the network were gone, until the function is called."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(2)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))

        def hear() -> None:
            listener.listen(100)

        try:
            yield port, hear
        finally:
            for filler in fillers:
                filler.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_who_listens_is_reached_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        race = Race(Address("http", "127.0.0.1", listener.getsockname()[1]), Watch())
        with running(race) as run:
            won = run.wait()
            assert won is not None
            assert won.getpeername() == listener.getsockname()
            assert 0 < race.took < 5


@pytest.mark.parametrize("way", ["hurry", "news"])
def test_what_comes_back_is_not_left_waiting_for_the_kernel(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STAGGER", 60.0)
    watch = Watch()
    with deaf_port() as (port, hear), running(Race(Address("http", "127.0.0.1", port), watch)) as run:
        wait_until(lambda: run.attempts == 1)
        time.sleep(0.2)  # the kernel tries again 1 s after the first packet
        hear()
        begun = time.monotonic()
        if way == "news":
            watch.news = 1
            run.race._notify()
        else:
            run.race.hurry()
        assert run.wait() is not None
        assert time.monotonic() - begun < 0.6


def test_attempts_overlap_and_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STAGGER", 0.01)
    monkeypatch.setattr(room, "LONGEST_PAUSE", 0.01)
    with deaf_port() as (port, _), running(Race(Address("http", "127.0.0.1", port), Watch())) as run:
        wait_until(lambda: run.attempts == MAX_ATTEMPTS)
        first = next(iter(run.race._attempts))
        wait_until(lambda: first not in run.race._attempts)  # which has had its time
        assert run.attempts <= MAX_ATTEMPTS
        assert first.fileno() == -1
    assert run.attempts == 0


def test_who_refuses_is_asked_again_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def connect(self: Race, *_: object) -> None:
        nonlocal tries
        tries += 1

    monkeypatch.setattr(Race, "_connect", connect)
    begun = time.monotonic()
    with running(Race(Address("http", "127.0.0.1", 1), Watch()), seconds=0.5) as run:
        assert run.wait() is None
    assert 0.5 <= time.monotonic() - begun < 5
    assert 3 <= tries <= 30


def test_an_answer_that_is_no_is_no_connection() -> None:
    with running(Race(Address("http", "127.0.0.1", free_port()), Watch()), seconds=0.3) as run:
        assert run.wait() is None


def test_a_connection_that_breaks_while_it_is_made_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STAGGER", 60.0)
    with deaf_port() as (port, _), running(Race(Address("http", "127.0.0.1", port), Watch())) as run:
        wait_until(lambda: run.attempts == 1)
        next(iter(run.race._attempts)).shutdown(_socket.SHUT_RDWR)
        wait_until(lambda: run.attempts == 0)


def test_names_are_looked_up_beside_the_race_and_not_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_PAUSE", 0.01)
    released = threading.Event()
    asked = 0

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def resolve(*_: object) -> list[Any]:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise OSError("not now")
            released.wait(DEADLINE)
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", port))]

        monkeypatch.setattr(room, "resolve", resolve)
        with running(Race(Address("http", "slow.example", port), Watch())) as run:
            wait_until(lambda: asked == MAX_LOOKUPS + 1)
            time.sleep(0.1)
            assert asked == MAX_LOOKUPS + 1
            released.set()
            assert run.wait() is not None


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_known_address_is_tried_first_where_it_must_prove_itself(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object) -> list[Any]:
        raise OSError("no resolver")

    monkeypatch.setattr(room, "resolve", resolve)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        race = Race(Address(scheme, "gone.example", port), Watch(), known=(socket.AF_INET, ("127.0.0.1", port)))
        with running(race, seconds=0.3) as run:
            assert (run.wait() is not None) == (scheme == "https")


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_on_another_network_a_name_may_be_another_machine(scheme: str) -> None:
    watch = Watch()
    race = Race(Address(scheme, "gone.example", 1), watch)
    race._answers = [(socket.AF_INET, ("127.0.0.1", 1))]
    watch.news = 1
    race._look_around(time.monotonic())
    assert bool(race._answers) == (scheme == "https")
    race.close()


def test_who_comes_late_writes_into_nothing() -> None:
    before = set(os.listdir("/proc/self/fd"))
    race = Race(Address("http", "127.0.0.1", 1), Watch())
    for _ in range(70_000):
        race._notify()  # more than a pipe holds
    race.close()
    race.hurry()
    race.stop()
    assert race.run(time.monotonic() + 60) is None
    assert set(os.listdir("/proc/self/fd")) == before
