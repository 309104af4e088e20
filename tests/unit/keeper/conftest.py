"""A state directory of its own for each test, whose keeper is gone at the end of it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.keeper.manager import Manager
from whale.keeper.lock import holder_of, take_lock
from whale.keeper.place import LOCK_NAME

DEADLINE = 20.0
"""Seconds that anything here may take."""


def name_of(number: int) -> str:
    """The name of an item."""
    return f"{number:032x}"


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.005)


def open_descriptors(process: int) -> list[str]:
    """What each descriptor of a process is."""
    place = Path(f"/proc/{process}/fd")
    return [os.readlink(place / number) for number in os.listdir(place)]


def is_running(process: int) -> bool:
    """Tell whether there is such a process, zombies left out."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def keeper_of(state_dir: Path) -> int:
    """The process that keeps for this directory; 0 when none does."""
    directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock = take_lock(directory, LOCK_NAME)
        if lock is None:
            return holder_of(directory, LOCK_NAME)
        os.close(lock)
        return 0
    finally:
        os.close(directory)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory. A keeper that is left there is killed."""
    place = tmp_path / "state"
    place.mkdir(mode=0o700)
    yield place
    deadline = time.monotonic() + DEADLINE
    while (process := keeper_of(place)) and time.monotonic() < deadline:
        os.kill(process, signal.SIGCONT)
        os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: the end to read from, the end to write to. A test may close either."""
    ends = os.pipe()
    files = [os.readlink(f"/proc/self/fd/{end}") for end in ends]
    yield ends
    for end, file in zip(ends, files, strict=True):
        try:
            if os.readlink(f"/proc/self/fd/{end}") == file:  # the number may be another file's by now
                os.close(end)
        except FileNotFoundError:
            continue


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    """Every test closes what it opened, and so does what it tests."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    eventually(lambda: sorted(os.listdir("/proc/self/fd")) == before, "closed every descriptor")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A service manager with a store."""
    started = Manager(tmp_path).start()
    yield started
    started.close()
