"""Finding a keeper or starting one: races, what was left behind, keepers that are not as they should be."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import DEADLINE, eventually, is_running, keeper_of, name_of
from whale.keeper import connect
from whale.keeper.connect import Connected, connect_keeper
from whale.keeper.packets import send_packet
from whale.keeper.place import LOG_NAME, Place
from whale.keeper.protocol import (
    FROM_SERVER,
    HELLO,
    MAGIC,
    MAX_NUMBER,
    PUT,
    TAKE,
    VERSION,
    WELCOME,
    Message,
    decode,
    encode,
)
from whale.keeper.start import start_keeper
from whale.model.errors import KeeperError


@contextmanager
def connected(state: Path, *, ttl: float = 100) -> Iterator[Connected]:
    found = connect_keeper(state, ttl=ttl, environ=os.environ)
    with found.connection:
        yield found


def failure(state: Path) -> KeeperError:
    with pytest.raises(KeeperError) as failed, connected(state):
        pass
    assert str(state) not in failed.value.message + failed.value.hint
    return failed.value


@pytest.fixture
def stand_in(state: Path) -> Iterator[Callable[[Callable[[socket.socket], None]], None]]:
    """Makes something listen on the keeper's socket, and holds the lock meanwhile as a keeper does."""
    with Place(state) as place:
        lock = place.lock()
        assert lock is not None
        ended = threading.Event()
        listener = place.listen()
        listener.settimeout(0.05)
        threads: list[threading.Thread] = []

        def begin(serve: Callable[[socket.socket], None]) -> None:
            def run() -> None:
                while not ended.is_set():
                    try:
                        accepted, _ = listener.accept()
                    except TimeoutError:
                        continue
                    with accepted:
                        serve(accepted)

            threads.append(threading.Thread(target=run))
            threads[-1].start()

        yield begin
        ended.set()
        for thread in threads:
            thread.join(DEADLINE)
        listener.close()
        os.close(lock)


def test_starts_one_and_finds_it_again(state: Path) -> None:
    with connected(state) as first:
        assert first.process == keeper_of(state)
        assert (first.held, first.capacity > 100) == (0, True)
        send_packet(first.connection, encode(PUT, name_of(1)), (0, 0))
    with connected(state) as second:
        assert (second.process, second.held) == (first.process, 2)


def test_says_how_long_it_is_to_wait(state: Path, stand_in: Callable[[Callable[[socket.socket], None]], None]) -> None:
    heard: list[Message] = []

    def serve(accepted: socket.socket) -> None:
        accepted.settimeout(DEADLINE)
        heard.append(decode(accepted.recv(64), FROM_SERVER, descriptors=0))
        send_packet(accepted, encode(WELCOME, "", VERSION, 1, 2, 3))

    stand_in(serve)
    for ttl in (0.25, 1e9):
        with connected(state, ttl=ttl) as found:
            assert found[1:] == (1, 2, 3)
    assert heard == [Message(HELLO, "", (VERSION, 250)), Message(HELLO, "", (VERSION, MAX_NUMBER))]


def test_a_socket_without_a_keeper_is_no_obstacle(state: Path) -> None:
    with connected(state) as first:
        os.kill(first.process, signal.SIGKILL)
        eventually(lambda: not is_running(first.process), "ended")
    assert (state / "keeper.sock").is_socket()
    with connected(state) as second:
        assert second.process != first.process


def test_of_many_that_start_at_once_all_have_the_same_keeper(state: Path) -> None:
    moment = str(time.monotonic() + 1.5)
    command = [sys.executable, "-m", "tests.unit.keeper.owner", "connect_at", str(state), moment]
    servers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
    found = set()
    for server in servers:
        assert server.stdout is not None
        found.add(int(server.stdout.readline()))
    assert found == {keeper_of(state)}
    for server in servers:
        server.communicate(timeout=DEADLINE)


def test_a_keeper_that_is_just_ending_is_followed_by_a_new_one(state: Path) -> None:
    """A keeper that is ended again and again while servers come: none of them fails."""
    for _ in range(20):
        with connected(state) as first:
            pass
        os.kill(first.process, signal.SIGTERM)
        with connected(state) as second:
            send_packet(second.connection, encode(TAKE))
            if second.process == first.process:
                continue  # it answered before it got the signal
            eventually(lambda: not is_running(first.process), "ended")


def test_a_keeper_that_goes_before_it_is_greeted_is_followed_by_the_next(
    state: Path,
    stand_in: Callable[[Callable[[socket.socket], None]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[socket.socket] = []
    gone = threading.Event()

    def serve(accepted: socket.socket) -> None:
        served.append(accepted)
        if len(served) > 1:
            accepted.settimeout(DEADLINE)
            accepted.recv(64)
            send_packet(accepted, encode(WELCOME, "", VERSION, 1, 2, 3))
        else:
            accepted.close()
            gone.set()

    def dawdle(_connection: socket.socket) -> None:
        assert gone.wait(DEADLINE)

    monkeypatch.setattr(connect, "_check_owner", dawdle)
    stand_in(serve)
    with connected(state) as found:
        assert found.process == 1
    assert len(served) == 2


def test_a_keeper_that_hangs_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "KEEPER_ANSWER", 0.3)
    with connected(state) as found:
        os.kill(found.process, signal.SIGSTOP)
    error = failure(state)
    assert error.message == "the keeper does not answer"
    assert f"stop process {found.process}" in error.hint


def test_a_keeper_with_no_room_for_connections_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "KEEPER_ANSWER", 0.3)
    waiting: list[socket.socket] = []
    with connected(state) as found, Place(state) as place:
        os.kill(found.process, signal.SIGSTOP)
        with suppress(BlockingIOError):
            while True:
                waiting.append(place.connect())
        error = failure(state)
    for each in waiting:
        each.close()
    assert error.message == "the keeper does not answer"


def test_a_start_that_takes_too_long_elsewhere_is_not_waited_for(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "KEEPER_ANSWER", 0.3)
    with Place(state) as place:
        lock = place.lock()
        assert lock is not None
        error = failure(state)
        os.close(lock)
    assert (error.message, error.hint) == ("the keeper does not answer", "")


def test_a_keeper_that_ends_at_once_is_not_started_for_ever(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[Place] = []

    def start(place: Place, **_: object) -> None:
        starts.append(place)

    monkeypatch.setattr(connect, "start_keeper", start)
    error = failure(state)
    assert len(starts) == 2
    assert error.message == "the keeper ends as soon as it is started"
    assert LOG_NAME in error.hint


def test_a_start_that_fails_is_said(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "could not be started" in failure(state).message
    assert keeper_of(state) == 0, "the lock was not let go"


@pytest.mark.parametrize("answer", [b"?", encode("E", "", 1), encode("F", name_of(1)), b"SSH-2.0"])
def test_something_else_on_the_socket_is_no_keeper(
    state: Path, stand_in: Callable[[Callable[[socket.socket], None]], None], answer: bytes
) -> None:
    stand_in(lambda accepted: send_packet(accepted, answer))
    assert failure(state).message == "what listens on the keeper's socket is no keeper"


def test_a_keeper_of_another_version_is_left_alone_and_named(
    state: Path, stand_in: Callable[[Callable[[socket.socket], None]], None]
) -> None:
    later = b"W" + MAGIC + (VERSION + 1).to_bytes(4, "big") + (4711).to_bytes(4, "big") + b"more than this one knows"
    stand_in(lambda accepted: send_packet(accepted, later))
    error = failure(state)
    assert error.message == f"a keeper of another version runs there (it speaks {VERSION + 1}, this server {VERSION})"
    assert "process 4711" in error.hint


def test_a_server_of_another_version_is_refused_by_a_real_keeper(state: Path) -> None:
    with connected(state) as found, Place(state) as place, place.connect() as other:
        send_packet(other, b"H" + MAGIC + (VERSION + 1).to_bytes(4, "big") + b"more")
        other.settimeout(DEADLINE)
        assert other.recv(64).startswith(b"W" + MAGIC + VERSION.to_bytes(4, "big") + found.process.to_bytes(4, "big"))
        assert other.recv(64) == b""


def test_a_keeper_of_another_user_is_not_trusted(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(state):
        monkeypatch.setattr(os, "geteuid", lambda: 23456)
        assert "belongs to another user" in failure(state).message


def test_a_directory_that_can_not_be_used(tmp_path: Path) -> None:
    for place in (tmp_path / "none", Path("/proc/self")):
        error = failure(place)
        assert error.message == "the state directory can't be used for a keeper's socket"
        assert error.detail


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    state = tmp_path / ("d" * 150)
    state.mkdir()
    with connected(state) as first:
        pass
    with connected(state) as second:
        assert second.process == first.process
    os.kill(second.process, signal.SIGTERM)
    eventually(lambda: keeper_of(state) == 0, "ended")
    assert not (state / "keeper.sock").exists()


def test_what_is_said_before_the_keeper_is_up_is_heard(state: Path) -> None:
    with Place(state) as place:
        lock = place.lock()
        assert lock is not None
        with place.listen() as listener:
            early = place.connect()
            send_packet(early, encode(HELLO, "", VERSION, 1000))
            start_keeper(place, lock=lock, listener=listener, environ=os.environ)
        os.close(lock)
        with early:
            early.settimeout(DEADLINE)
            assert early.recv(64).startswith(b"W" + MAGIC)
