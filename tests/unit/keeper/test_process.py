"""The keeper's loop, in a thread, with real sockets; and its process from the outside."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import DEADLINE, eventually, is_running, keeper_of, name_of
from whale.keeper import peer, process
from whale.keeper.lock import take_lock
from whale.keeper.packets import NotNow, close_all, receive_packet, send_packet
from whale.keeper.place import LOCK_NAME, Place
from whale.keeper.process import KeeperProcess
from whale.keeper.protocol import (
    END,
    FROM_KEEPER,
    FULL,
    HELLO,
    ITEM,
    MAX_NUMBER,
    PUT,
    REMOVE,
    TAKE,
    TTL,
    VERSION,
    WELCOME,
    Message,
    decode,
    encode,
)
from whale.keeper.shelf import Shelf
from whale.model.limits import MAX_KEEPER_STRANGERS, MAX_KEPT


class Speaker:
    """A connection to a keeper, for whatever one wants to say."""

    def __init__(self, place: Place) -> None:
        self.socket = place.connect()

    def say(self, kind: str, name: str = "", *numbers: int, descriptors: tuple[int, ...] = ()) -> None:
        self.send(encode(kind, name, *numbers), descriptors)

    def send(self, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                return send_packet(self.socket, packet, descriptors)
            except NotNow:
                assert time.monotonic() < deadline
                time.sleep(0.001)

    def hear(self) -> Message | None:
        """The next message; its descriptors are closed. None: the keeper has closed the connection."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        assert poll.poll(DEADLINE * 1000), "the keeper says nothing"
        try:
            packet, descriptors = receive_packet(self.socket)
        except ConnectionResetError:
            return None
        close_all(descriptors)
        return decode(packet, FROM_KEEPER, descriptors=len(descriptors)) if packet else None

    def greet(self, *, ttl: float = 100) -> Message:
        self.say(HELLO, "", VERSION, int(ttl * 1000))
        welcome = self.hear()
        assert welcome is not None
        assert welcome.kind == WELCOME
        return welcome

    def taken(self) -> list[str]:
        """The names of everything that is kept."""
        self.say(TAKE)
        names = []
        while (message := self.hear()) is not None and message.kind == ITEM:
            names.append(message.name)
        assert message == Message(END, "", (len(names),))
        return names


class Running:
    """A keeper in a thread."""

    def __init__(self, place: Place, *, capacity: int = 10_000) -> None:
        self.keeper = KeeperProcess(place.listen(), Shelf(capacity=capacity))
        self.thread = threading.Thread(target=self.keeper.run)
        self.place = place
        self._speakers: list[Speaker] = []

    def connect(self) -> Speaker:
        speaker = Speaker(self.place)
        self._speakers.append(speaker)
        return speaker

    def has_ended(self) -> bool:
        return not self.thread.is_alive()

    def hang_up(self) -> None:
        for speaker in self._speakers:
            speaker.socket.close()


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KEEPER_IDLE", 0.3)
    monkeypatch.setattr(process, "KEEPER_HELLO", 0.3)


@pytest.fixture
def start(state: Path) -> Iterator[Callable[..., Running]]:
    """Makes keepers; at the end they are told that there is nothing to wait for."""
    made: list[Running] = []
    with Place(state) as place:

        def begin(**options: int) -> Running:
            running = Running(place, **options)
            made.append(running)
            running.thread.start()
            return running

        yield begin
        for running in made:
            running.hang_up()
            if running.thread.is_alive():
                last = Speaker(place)
                last.greet(ttl=0)
                last.socket.close()
            running.thread.join(DEADLINE)
            assert not running.thread.is_alive()
            running.keeper.close()


@pytest.fixture
def keeper(start: Callable[..., Running]) -> Running:
    return start()


def test_keeps_for_the_next_server(keeper: Running, pipe: tuple[int, int]) -> None:
    first = keeper.connect()
    assert first.greet() == Message(WELCOME, "", (VERSION, os.getpid(), 10_000, 0))
    for number in range(3):
        first.say(PUT, name_of(number), descriptors=pipe)
    first.say(REMOVE, name_of(1))
    first.socket.close()
    second = keeper.connect()
    assert second.greet() == Message(WELCOME, "", (VERSION, os.getpid(), 10_000, 4))
    assert second.taken() == second.taken() == [name_of(0), name_of(2)]


def test_a_server_that_comes_later_takes_over_and_nothing_that_was_put_is_lost(
    keeper: Running, pipe: tuple[int, int]
) -> None:
    first = keeper.connect()
    first.greet()
    held = threading.Event()
    step = KeeperProcess._read

    def slowly(self: KeeperProcess, server: object) -> None:
        held.wait(DEADLINE)
        step(self, server)  # type: ignore[arg-type]

    keeper.keeper._read = slowly.__get__(keeper.keeper)  # type: ignore[method-assign]
    for number in range(100):
        first.say(PUT, name_of(number), descriptors=pipe)
    second = keeper.connect()
    second.say(HELLO, "", VERSION, 1000)
    held.set()
    welcome = second.hear()
    assert welcome is not None
    assert second.taken() == [name_of(number) for number in range(100)]
    assert first.hear() is None
    with pytest.raises(BrokenPipeError):
        first.say(PUT, name_of(5), descriptors=pipe)


def test_a_flood_of_one_server_does_not_keep_the_next_one_out(keeper: Running, pipe: tuple[int, int]) -> None:
    first = keeper.connect()
    first.greet()
    for number in range(2000):
        first.say(PUT, name_of(number), descriptors=(pipe[0],))
    second = keeper.connect()
    second.greet()
    assert len(second.taken()) == 2000


def test_what_does_not_fit_is_said(start: Callable[..., Running], pipe: tuple[int, int]) -> None:
    speaker = start(capacity=3).connect()
    speaker.greet()
    speaker.say(PUT, name_of(1), descriptors=pipe)
    speaker.say(PUT, name_of(2), descriptors=pipe)
    assert speaker.hear() == Message(FULL, name_of(2))
    speaker.say(PUT, name_of(3))  # descriptors that could not be received
    assert speaker.hear() == Message(FULL, name_of(3))
    assert speaker.taken() == [name_of(1)]


@pytest.mark.parametrize(
    "packet", [b"?", b"P" + b"x" * 32, b"P" * 1000, encode(HELLO, "", VERSION, 1), encode(END, "", 1), b""]
)
@pytest.mark.parametrize("descriptors", [0, 2])
def test_nonsense_ends_the_connection_and_nothing_else(
    keeper: Running, pipe: tuple[int, int], packet: bytes, descriptors: int
) -> None:
    speaker = keeper.connect()
    speaker.greet()
    speaker.say(PUT, name_of(1), descriptors=pipe)
    speaker.send(packet, pipe[:descriptors])
    assert speaker.hear() is None
    again = keeper.connect()
    again.greet()
    assert again.taken() == [name_of(1)]


def test_one_asks_for_everything_once_at_a_time(keeper: Running, pipe: tuple[int, int]) -> None:
    speaker = keeper.connect()
    speaker.greet()
    for number in range(1000):
        speaker.say(PUT, name_of(number), descriptors=(pipe[0],))
    speaker.say(TAKE)
    speaker.say(TAKE)
    while (message := speaker.hear()) is not None:
        assert message.kind == ITEM
    again = keeper.connect()
    again.greet()
    assert len(again.taken()) == 1000


@pytest.mark.parametrize("first", [encode(TAKE), encode(PUT, name_of(1)), b"GET / HTTP/1.1\r\n\r\n", b""])
def test_who_does_not_say_hello_first_is_no_server(keeper: Running, first: bytes) -> None:
    server = keeper.connect()
    server.greet()
    stranger = keeper.connect()
    stranger.send(first)
    assert stranger.hear() is None
    assert server.taken() == []


def test_who_says_nothing_is_cut_off_and_does_not_become_the_server(keeper: Running) -> None:
    server = keeper.connect()
    server.greet()
    started = time.monotonic()
    silent = keeper.connect()
    assert silent.hear() is None
    assert 0.25 < time.monotonic() - started < DEADLINE / 2
    assert server.taken() == []


def test_strangers_are_few(keeper: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KEEPER_HELLO", DEADLINE)
    strangers = [keeper.connect() for _ in range(MAX_KEEPER_STRANGERS)]
    eventually(lambda: len(keeper.keeper._strangers) == MAX_KEEPER_STRANGERS, "accepted them")
    assert keeper.connect().hear() is None
    strangers[0].socket.close()
    eventually(lambda: len(keeper.keeper._strangers) < MAX_KEEPER_STRANGERS, "let go of one")
    keeper.connect().greet()


def test_another_version_is_told_and_nothing_changes(keeper: Running, pipe: tuple[int, int]) -> None:
    server = keeper.connect()
    server.greet()
    server.say(PUT, name_of(1), descriptors=pipe)
    other = keeper.connect()
    other.send(encode(HELLO, "", VERSION + 1) + b"more")
    answer = other.hear()
    assert answer is not None
    assert answer.numbers[:2] == (VERSION, os.getpid())
    assert other.hear() is None
    assert server.taken() == [name_of(1)]


def test_another_user_is_not_listened_to(keeper: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(os, "geteuid", lambda: 23456)
        assert keeper.connect().hear() is None
    keeper.connect().greet()


def test_ends_soon_when_it_keeps_nothing(keeper: Running) -> None:
    started = time.monotonic()
    eventually(keeper.has_ended, "ended")
    assert time.monotonic() - started > 0.2


def test_ends_soon_after_the_server_when_it_keeps_nothing(keeper: Running) -> None:
    server = keeper.connect()
    server.greet()
    time.sleep(0.5)
    assert not keeper.has_ended()
    server.socket.close()
    started = time.monotonic()
    eventually(keeper.has_ended, "ended")
    assert time.monotonic() - started > 0.2


def test_waits_for_the_next_server_as_long_as_it_was_told(keeper: Running, pipe: tuple[int, int]) -> None:
    server = keeper.connect()
    server.greet(ttl=0.8)
    server.say(PUT, name_of(1), descriptors=(pipe[1],))
    os.close(pipe[1])
    server.socket.close()
    started = time.monotonic()
    eventually(keeper.has_ended, "ended")
    assert 0.7 < time.monotonic() - started < DEADLINE / 2
    keeper.keeper.close()
    assert os.read(pipe[0], 1) == b"", "it did not let go of what it kept"


def test_the_time_can_be_changed_and_be_very_long(keeper: Running, pipe: tuple[int, int]) -> None:
    server = keeper.connect()
    server.greet(ttl=0)
    server.say(PUT, name_of(1), descriptors=pipe)
    server.say(TTL, "", MAX_NUMBER)
    server.socket.close()
    eventually(lambda: keeper.keeper._server is None, "noticed")
    time.sleep(0.5)
    assert not keeper.has_ended()
    again = keeper.connect()
    again.greet(ttl=100)
    again.say(TTL, "", 0)
    again.socket.close()
    eventually(keeper.has_ended, "ended")


def test_a_server_that_does_not_read_costs_no_processor_time(keeper: Running, pipe: tuple[int, int]) -> None:
    server = keeper.connect()
    server.greet()
    for number in range(1000):
        server.say(PUT, name_of(number), descriptors=(pipe[0],))
    server.say(TAKE)
    time.sleep(0.3)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.2
    assert server.hear() == Message(ITEM, name_of(0))


def test_what_is_too_much_for_now_is_tried_again_in_a_moment(
    keeper: Running, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = keeper.connect()
    server.greet()
    server.say(PUT, name_of(1), descriptors=pipe)
    enough = threading.Event()

    def crowded(connection: socket.socket, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
        if descriptors and not enough.is_set():
            raise NotNow(is_writable=True)
        send_packet(connection, packet, descriptors)

    monkeypatch.setattr(peer, "send_packet", crowded)
    server.say(TAKE)
    time.sleep(0.1)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.2
    enough.set()
    assert server.hear() == Message(ITEM, name_of(1))


def test_a_process_that_may_open_nothing_more_waits_until_it_may(keeper: Running) -> None:
    keeper.connect().greet()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
    try:
        server = keeper.connect()
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    server.greet()


RUN = [sys.executable, "-c", "import sys; from whale.keeper.process import main; sys.exit(main(sys.argv[1:]))"]


def start_process(state: Path) -> int:
    """Start the process as the server does, and return its number."""
    with Place(state) as place:
        lock = place.lock()
        assert lock is not None
        with place.listen() as listener:
            numbers = (place.directory, lock, listener.fileno())
            command = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", *RUN, str(state), *map(str, numbers)]
            done = subprocess.run(command, pass_fds=numbers, timeout=DEADLINE, check=False, cwd="/")
            assert done.returncode == 0
        os.close(lock)
        speaker = Speaker(place)
        process = speaker.greet(ttl=100).numbers[1]
        speaker.socket.close()
    return process


def test_the_process_is_nobodys_child_and_signs_its_lock(state: Path) -> None:
    number = start_process(state)
    status = Path(f"/proc/{number}/status").read_text()
    assert f"PPid:\t{os.getpid()}\n" not in status
    assert keeper_of(state) == number
    assert (state / "keeper.sock").is_socket()
    os.kill(number, signal.SIGTERM)
    eventually(lambda: not is_running(number), "ended")


def test_a_signal_just_before_it_waits_wakes_it(state: Path, pipe: tuple[int, int]) -> None:
    with Place(state) as place:
        keeper = KeeperProcess(place.listen(), Shelf(capacity=10), wakeup=pipe[0])
        os.write(pipe[1], bytes([signal.SIGTERM]))
        start = time.monotonic()
        assert keeper.step(longest=10.0)
        assert time.monotonic() - start < 5
        keeper.close()


def test_it_ends_at_once_when_told_to_and_takes_its_socket_away(state: Path, pipe: tuple[int, int]) -> None:
    number = start_process(state)
    with Place(state) as place:
        speaker = Speaker(place)
        speaker.greet()
        speaker.say(PUT, name_of(1), descriptors=(pipe[1],))
        os.close(pipe[1])
        speaker.taken()
        for harmless in (signal.SIGINT, signal.SIGHUP):
            os.kill(number, harmless)
        assert speaker.taken() == [name_of(1)]
        os.kill(number, signal.SIGTERM)
        assert speaker.hear() is None
        speaker.socket.close()
    assert os.read(pipe[0], 1) == b""
    eventually(lambda: not is_running(number), "ended")
    assert not (state / "keeper.sock").exists()
    assert keeper_of(state) == 0


def test_it_takes_its_socket_away_when_there_is_nothing_to_wait_for(state: Path) -> None:
    number = start_process(state)
    with Place(state) as place:
        speaker = Speaker(place)
        speaker.greet(ttl=0)
        speaker.say(PUT, name_of(1), descriptors=(0,))
        speaker.taken()
        speaker.socket.close()
    eventually(lambda: not is_running(number), "ended")
    assert not (state / "keeper.sock").exists()


def test_it_may_open_as_many_files_as_the_system_lets_it(state: Path) -> None:
    number = start_process(state)
    limits = Path(f"/proc/{number}/limits").read_text()
    soft, hard = next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files"))
    assert int(soft) == (min(int(hard), MAX_KEPT + process.RESERVE) if hard.isdigit() else MAX_KEPT + process.RESERVE)
    with Place(state) as place:
        speaker = Speaker(place)
        capacity = speaker.greet().numbers[2]
        assert capacity == int(soft) - process.RESERVE
        assert take_lock(place.directory, LOCK_NAME) is None
        speaker.socket.close()


def test_the_reserve_is_enough_for_all_that_comes_at_once() -> None:
    assert process.RESERVE > 16 + MAX_KEEPER_STRANGERS + 8


def test_sockets_are_of_a_kind_that_keeps_packets_apart(state: Path) -> None:
    with Place(state) as place, place.listen() as listener:
        assert listener.type == socket.SOCK_SEQPACKET
