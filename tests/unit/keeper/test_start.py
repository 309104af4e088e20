"""How the keeper's process is started: what it has of the server's, and what not."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.keeper.conftest import DEADLINE, eventually, is_running, keeper_of, open_descriptors
from whale.keeper import start
from whale.keeper.place import LOG_NAME, Place
from whale.keeper.start import start_keeper
from whale.model.errors import KeeperError


@pytest.fixture
def place(state: Path) -> Iterator[Place]:
    with Place(state) as opened:
        yield opened


@pytest.fixture
def lock(place: Place) -> Iterator[int]:
    taken = place.lock()
    assert taken is not None
    yield taken
    os.close(taken)


@pytest.fixture
def listener(place: Place) -> Iterator[socket.socket]:
    with place.listen() as made:
        yield made


def begin(place: Place, lock: int, listener: socket.socket, **environ: str) -> int:
    """Start a keeper and return its process, once it has signed its lock."""
    start_keeper(place, lock=lock, listener=listener, environ=environ)
    eventually(lambda: keeper_of(place.state_dir) != 0, "signed")
    return keeper_of(place.state_dir)


def test_it_has_nothing_of_the_servers_but_what_it_needs(
    place: Place, lock: int, listener: socket.socket, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.set_inheritable(pipe[0], True)
    monkeypatch.setenv("WHALE_SERVER_SECRET", "planted")
    process = begin(place, lock, listener, WHALE_SERVER_SECRET="planted", PYTHONPATH=os.pathsep.join(sys.path))
    state = str(place.state_dir)
    # It has signed before it has made its own pipe, and reads a file of its program's now and then.
    eventually(lambda: len(open_descriptors(process)) == 8, "set up")
    files = open_descriptors(process)
    assert sorted(name for name in files if not name.startswith(("socket:", "pipe:"))) == sorted(
        ["/dev/null", f"{state}/{LOG_NAME}", f"{state}/{LOG_NAME}", f"{state}/keeper.lock", state]
    )
    # Both ends of the pipe that signals wake it by: its own, and not the one that could be inherited.
    own = [name for name in files if name.startswith("pipe:")]
    assert (len(own), len(set(own))) == (2, 1)
    assert os.readlink(f"/proc/self/fd/{pipe[0]}") not in own
    assert len(files) == 8
    proc = Path(f"/proc/{process}")
    assert os.readlink(proc / "cwd") == "/"
    environment = (proc / "environ").read_bytes()
    assert b"planted" not in environment
    assert b"PYTHONPATH=" in environment
    arguments = (proc / "cmdline").read_bytes().split(b"\0")
    assert arguments[arguments.index(b"-m") + 1 :][:2] == [b"whale.keeper", state.encode()]


def test_it_is_of_no_session_group_or_terminal_of_the_servers(place: Place, lock: int, listener: socket.socket) -> None:
    process = begin(place, lock, listener)
    assert os.getsid(process) not in (os.getsid(0), process), "it could get a terminal"
    assert os.getpgid(process) != os.getpgid(0)
    parent, _, _, terminal = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1:5]
    assert terminal == "0"
    assert int(parent) != os.getpid()


def test_no_process_is_left_to_wait_for(place: Place, lock: int, listener: socket.socket) -> None:
    process = begin(place, lock, listener)
    os.kill(process, signal.SIGKILL)
    eventually(lambda: not is_running(process), "ended")
    with pytest.raises(ChildProcessError):
        os.waitpid(process, os.WNOHANG)


def test_an_interpreter_that_is_not_there(
    place: Place, lock: int, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for executable in ("/nowhere/python", ""):
        monkeypatch.setattr(sys, "executable", executable)
        with pytest.raises(KeeperError) as failed:
            start_keeper(place, lock=lock, listener=listener, environ={})
        assert failed.value.message == "the keeper's process could not be started"


def test_a_start_that_fails_says_where_to_look(
    place: Place, lock: int, listener: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(KeeperError) as failed:
        start_keeper(place, lock=lock, listener=listener, environ={})
    assert LOG_NAME in failed.value.hint
    assert failed.value.detail == "status 3"
    assert (place.state_dir / LOG_NAME).read_text() == "no such module\n"


def test_a_start_that_hangs_is_ended(
    place: Place, lock: int, listener: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stuck = tmp_path / "python"
    stuck.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/number\nexec sleep 1000\n")
    stuck.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stuck))
    monkeypatch.setattr(start, "KEEPER_ANSWER", 0.5)
    with pytest.raises(KeeperError, match="could not be started"):
        start_keeper(place, lock=lock, listener=listener, environ={})
    assert not is_running(int((tmp_path / "number").read_text()))


def test_a_full_disk_is_no_fault_of_the_interpreters(
    place: Place, lock: int, listener: socket.socket, state: Path
) -> None:
    (state / LOG_NAME).mkdir()
    with pytest.raises(KeeperError) as failed:
        start_keeper(place, lock=lock, listener=listener, environ={})
    assert "Is a directory" in failed.value.detail


OWNER = """
import os, pathlib, sys, time
from whale.keeper.client import ProcessKeeper
keeper = ProcessKeeper(pathlib.Path(sys.argv[1]), ttl=100, environ={})
keeper.put("0" * 32, [0])
print(keeper.process, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_what_ends_the_servers_whole_process_group_leaves_it_alone(state: Path, number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with owner:
        assert owner.stdout is not None
        process = int(owner.stdout.readline())
        os.killpg(owner.pid, number)
        owner.wait(DEADLINE)
    assert is_running(process)
    assert os.readlink(f"/proc/{process}/fd/0") == "/dev/null"
