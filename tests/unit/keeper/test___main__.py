"""`python -m whale.keeper`, as a server starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.unit.keeper.conftest import DEADLINE, eventually, is_running, keeper_of
from whale.keeper.place import Place


def test_becomes_the_keeper(state: Path) -> None:
    with Place(state) as place:
        lock = place.lock()
        assert lock is not None
        with place.listen() as listener:
            numbers = (place.directory, lock, listener.fileno())
            command = [sys.executable, "-m", "whale.keeper", str(state), *map(str, numbers)]
            subprocess.run(command, pass_fds=numbers, timeout=DEADLINE, check=True)
        os.close(lock)
    eventually(lambda: keeper_of(state) not in (0, os.getpid()), "signed the lock")
    process = keeper_of(state)
    assert is_running(process)
    os.kill(process, signal.SIGTERM)
    eventually(lambda: keeper_of(state) == 0, "ended")


def test_without_descriptors_it_is_of_no_use() -> None:
    done = subprocess.run([sys.executable, "-m", "whale.keeper"], capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode != 0
