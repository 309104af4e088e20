"""Stopping a server that runs in a process of its own."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.keeper.lock import sign, take_lock
from whale.model.errors import WhaleError
from whale.server import stop
from whale.server.state_lock import FILE_NAME

HOLDER = """
import os, signal, sys
from whale.keeper.lock import sign, take_lock
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda number, _: os._exit(number) if sys.argv[2] == "ends" else None)
sign(take_lock(os.open(sys.argv[1], os.O_RDONLY), "server.lock"))
print("ready", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture(params=["ends"])
def holder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), request.param], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


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
