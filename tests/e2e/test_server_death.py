"""The server dies and comes back, on a real engine: sessions go on at the same byte, and nobody is told otherwise."""

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server
from tests.unit.client.processes import TerminalProcess
from whale.model.ids import ContainerId

SOAK = bool(os.environ.get("WHALE_SOAK"))
DEADLINE = 600.0 if SOAK else 120.0
KILLS = 20 if SOAK else 8

COUNT = '$| = 1; for $i (1..%d) { print "$i\\n"; select(undef, undef, undef, 0.001) if $i %% 10 == 0 }'
"""About 10,000 lines a second."""


@pytest.fixture
def mortal(docker: TestEngine, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that may be killed."""
    with running_server(docker.url, tmp_path) as server:
        yield server


def whale(server: ServerProcess, *args: str) -> list[str]:
    return [str(Path(sys.executable).with_name("whale")), *args]


def kill_often(server: ServerProcess, *, times: int, seed: int, longest: float = 0.4) -> None:
    """Kill the server again and again, and start it again each time."""
    chance = random.Random(seed)
    for _ in range(times):
        time.sleep(chance.uniform(0.05, longest))
        server.kill()
        server.start()


@pytest.mark.parametrize("flags", [(), ("-t",)], ids=["pipe", "terminal"])
def test_every_line_once_and_in_order(mortal: ServerProcess, workshop: ContainerId, flags: tuple[str, ...]) -> None:
    lines = 6000 * KILLS
    argv = whale(mortal, "exec", *flags, workshop, "perl", "-e", COUNT % lines)
    process = subprocess.Popen(argv, env=mortal.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    first = os.read(process.stdout.fileno(), 1)
    kill_often(mortal, times=KILLS, seed=1)
    out, err = process.communicate(timeout=DEADLINE)
    out = first + out
    assert process.returncode == 0, err
    assert out.decode().split() == [str(number) for number in range(1, lines + 1)]


def test_input_is_delivered_once(mortal: ServerProcess, container: ContainerId) -> None:
    data = os.urandom(64 * 1024 * 1024)
    argv = whale(mortal, "exec", "-i", container, "sh", "-c", "sha256sum; exit 5")
    process = subprocess.Popen(argv, env=mortal.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    chance = random.Random(2)
    at = 0
    for _ in range(6):
        size = chance.randrange(6_000_000)
        process.stdin.write(data[at : at + size])
        at += size
        mortal.kill()
        mortal.start()
    process.stdin.write(data[at:])
    process.stdin.close()
    with process.stdout:
        out = process.stdout.read()
    assert process.wait(DEADLINE) == 5
    assert out.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_keys_arrive_once_and_in_order(mortal: ServerProcess, container: ContainerId) -> None:
    command = "stty raw -echo; echo ready; head -c 6000 | sha256sum"
    keys = b"".join(b"%05d\n" % number for number in range(1000))
    with closing(
        TerminalProcess(whale(mortal, "exec", "-it", container, "sh", "-c", command), mortal.environment)
    ) as terminal:
        terminal.read_until(b"ready")
        for start in range(0, len(keys), 6):
            terminal.type(keys[start : start + 6])
            if start % 900 == 0:
                mortal.kill()
                mortal.start()
            time.sleep(0.002)
        terminal.read_until(hashlib.sha256(keys).hexdigest().encode())
        assert terminal.wait() == 0


def test_an_orderly_stop_leaves_the_session_too(mortal: ServerProcess, container: ContainerId) -> None:
    argv = whale(mortal, "exec", container, "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.5; done; exit 3")
    process = subprocess.Popen(argv, env=mortal.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.2)
    assert mortal.stop(signal.SIGTERM) == 0
    mortal.start()
    out, _ = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (3, b"1\n2\n3\n4\n5\n")


def test_a_viewer_sees_every_line_too(mortal: ServerProcess, workshop: ContainerId) -> None:
    lines = 6000 * KILLS
    count = f"perl -e '{COUNT % lines}'"
    argv = whale(mortal, "exec", "-t", "--name", "counter", workshop, "sh", "-c", f"sleep 2; {count}")
    controller = subprocess.Popen(argv, env=mortal.environment, stdout=subprocess.PIPE)
    time.sleep(1)
    argv = whale(mortal, "attach", "--view", "counter")
    viewer = subprocess.Popen(argv, env=mortal.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    seen: list[list[str]] = []

    def read(process: subprocess.Popen[bytes]) -> None:
        seen.append(re.findall(r"\d+", process.communicate(timeout=DEADLINE)[0].decode()))

    readers = [threading.Thread(target=read, args=(process,)) for process in (controller, viewer)]
    for reader in readers:
        reader.start()
    time.sleep(1.2)
    kill_often(mortal, times=KILLS, seed=3)
    for reader in readers:
        reader.join(DEADLINE)
    assert (controller.returncode, viewer.returncode) == (0, 0)
    expected = [str(number) for number in range(1, lines + 1)]
    assert [numbers[-lines:] for numbers in seen] == [expected, expected]
