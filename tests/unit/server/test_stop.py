"""Stopping a server that runs in a process of its own."""

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.keeper.lock import Signature, sign, signature_of, take_lock
from whale.model.errors import WhaleError
from whale.server import stop
from whale.server.state_lock import FILE_NAME

HOLDER = """
import os, signal, sys
from whale.keeper.lock import sign, take_lock
if sys.argv[2] == "late":
    lock = take_lock(os.open(sys.argv[1], os.O_RDONLY), "server.lock")
    print("ready", flush=True)
    sys.stdin.readline()
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda number, _: os._exit(number) if sys.argv[2] != "stays" else None)
sign(lock if sys.argv[2] == "late" else take_lock(os.open(sys.argv[1], os.O_RDONLY), "server.lock"))
print("ready", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture(params=["ends"])
def holder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.communicate()


@pytest.mark.parametrize(("sessions", "number"), [(False, signal.SIGTERM), (True, signal.SIGUSR1)])
def test_stops_it_and_waits(tmp_path: Path, holder: subprocess.Popen[bytes], *, sessions: bool, number: int) -> None:
    assert stop.stop_server(tmp_path, sessions=sessions, grace=5)
    assert holder.wait(5) == number


def test_nobody_to_stop(tmp_path: Path) -> None:
    assert not stop.stop_server(tmp_path, sessions=False, grace=5)
    assert not stop.stop_server(tmp_path / "nothing", sessions=False, grace=5)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("holder", ["stays"], indirect=True)
def test_one_that_does_not_stop_is_said(
    tmp_path: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "MARGIN", 0.1)
    with pytest.raises(WhaleError, match="does not stop"):
        stop.stop_server(tmp_path, sessions=False, grace=0.1)
    assert holder.poll() is None


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with it."""
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("holder", ["late"], indirect=True)
def test_who_has_the_number_of_an_earlier_server_is_left_alone(
    tmp_path: Path,
    holder: subprocess.Popen[bytes],
    stranger: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stop, "PATIENCE", 0.1)
    (tmp_path / FILE_NAME).write_text(f"{stranger.pid} 1\n")
    with pytest.raises(WhaleError, match="does not say which process"):
        stop.stop_server(tmp_path, sessions=False, grace=5)
    assert stranger.poll() is None
    assert holder.poll() is None


@pytest.mark.parametrize("holder", ["late"], indirect=True)
def test_a_server_that_has_not_signed_yet_is_waited_for(
    tmp_path: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "PATIENCE", 20.0)
    looked = threading.Event()

    def signature(directory: int, name: str) -> Signature | None:
        found = signature_of(directory, name)
        looked.set()
        return found

    monkeypatch.setattr(stop, "signature_of", signature)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        stopped = pool.submit(stop.stop_server, tmp_path, sessions=False, grace=5)
        assert looked.wait(10)
        assert holder.stdin is not None
        holder.stdin.write(b"sign\n")
        holder.stdin.flush()
        assert stopped.result(20)
    assert holder.wait(5) == signal.SIGTERM


def test_a_number_that_changes_hands_while_it_is_looked_at(
    tmp_path: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that was found ends, and its number is given away, before the signal is sent."""
    pinned = stop._pinned

    def too_late(signature: Signature | None) -> stop._Server | None:
        found = pinned(signature)
        holder.kill()
        holder.wait()
        monkeypatch.setattr(os, "kill", lambda process, _number: sent.append(process))
        return found

    sent: list[int] = []
    monkeypatch.setattr(stop, "_pinned", too_late)
    assert stop.stop_server(tmp_path, sessions=False, grace=5)
    assert sent == []


def test_a_system_without_pidfds(
    tmp_path: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        stopped = pool.submit(stop.stop_server, tmp_path, sessions=False, grace=5)
        assert holder.wait(10) == signal.SIGTERM
        assert stopped.result(20)


def test_descriptors_are_closed(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    before = os.listdir("/proc/self/fd")
    assert stop.stop_server(tmp_path, sessions=False, grace=5)
    assert os.listdir("/proc/self/fd") == before


def test_ends_what_no_server_has(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert stop.end_left_sessions(config_for(tmp_path)) == 0


async def test_does_not_end_what_a_server_has(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    lock = take_lock(directory, FILE_NAME)
    assert lock is not None
    sign(lock)
    with pytest.raises(WhaleError, match="another whale-server"):
        await asyncio.to_thread(stop.end_left_sessions, config_for(tmp_path))
    os.close(lock)
    os.close(directory)
