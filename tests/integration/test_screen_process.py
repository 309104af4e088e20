"""The emulators' process beside a real server, and what sessions show after it has ended."""

import os
import platform
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.random_output import random_output
from tests.server_process import DEADLINE, ServerProcess, running_server
from tests.unit.client.scripted import wait_until
from tests.unit.screen import children
from whale.model.limits import MIB, SCREEN_ANSWER
from whale.model.terminal import TerminalSize
from whale.screen.screens import Screens
from whale.session.memory import SessionMemory, layout
from whale.session.picture import Picture
from whale.session.ring import RingLog

SIZE = TerminalSize(cols=80, rows=24)
HUGE = TerminalSize(cols=1000, rows=100)


def screen_processes(server: int) -> list[int]:
    """The emulators' processes that a server has started."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((proc / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == server and b"whale.screen\0" in (proc / "cmdline").read_bytes():
                found.append(int(proc.name))
        except OSError:
            continue
    return found


def screen_process(server: int) -> int:
    """The one that a server has, once it is warm."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        for process in screen_processes(server):
            if "Seccomp:\t2" in Path(f"/proc/{process}/status").read_text() or platform.machine() != "x86_64":
                return process
        time.sleep(0.01)
    raise AssertionError("it has none")


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server("fake://web", tmp_path) as started:
        yield started


def test_the_library_is_in_that_process_and_not_in_the_server(server: ServerProcess) -> None:
    process = screen_process(server.process.pid)
    wait_until(lambda: "ghostty" in Path(f"/proc/{process}/maps").read_text())
    assert "ghostty" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "cffi" not in Path(f"/proc/{server.process.pid}/maps").read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_it_ends_with_the_server_however_that_ends(server: ServerProcess, number: signal.Signals) -> None:
    process = screen_process(server.process.pid)
    os.kill(process, signal.SIGTERM)  # as whoever stops a whole control group does: the server still needs it
    server.process.send_signal(number)
    server.process.wait(DEADLINE)
    deadline = time.monotonic() + DEADLINE
    while not is_gone(process):
        assert time.monotonic() < deadline, "it outlives the server"
        time.sleep(0.01)


class Shown:
    """A terminal's output and its picture."""

    def __init__(self, size: TerminalSize = SIZE) -> None:
        self.memory = SessionMemory.create(layout(MIB, tty=True), shared=False)
        self.log = RingLog(self.memory.logs[0], window=MIB, note=self.memory.starts[0])
        self.picture = Picture(size, self.memory)

    def write(self, data: bytes) -> None:
        self.log.append(data)
        self.picture.catch_up(self.log, to=self.log.end)

    def repaint(self) -> bytes:
        return self.picture.repaint(self.log)


@pytest.fixture
def screens(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screens]:
    command: Sequence[str] = request.param
    made = Screens(command)
    monkeypatch.setattr("whale.session.picture.open_screen", made.open)
    yield made
    made.shut_down()


def begun(seed: int) -> tuple[Shown, Shown]:
    """Two with the same output, the first one with a snapshot, a change of size and a log that begins there."""
    one, other = Shown(), Shown()
    for number, data in enumerate(random_output(random.Random(seed), SIZE)):
        for shown in (one, other):
            shown.write(data)
            if number == 3:
                shown.picture.resized(shown.log.end, TerminalSize(cols=100, rows=30))
        if number == 2:
            one.picture.save(one.log, to=one.log.end)
            one.log.trim(offset=one.log.end)
    return one, other


@pytest.mark.parametrize("screens", [children.UNGUARDED], indirect=True)
def test_a_fault_takes_the_picture_of_the_session_that_caused_it_and_no_other(screens: Screens) -> None:
    pairs = [begun(seed) for seed in range(8)]
    before = [(one.repaint(), other.repaint()) for one, other in pairs]
    guilty = Shown(HUGE)
    guilty.write(b"text")
    assert b"text" in guilty.repaint()
    guilty.write(children.LINKS)
    assert guilty.repaint() == b""
    assert screens.ended == 1
    assert guilty.memory.is_picture_given_up
    assert [(one.repaint(), other.repaint()) for one, other in pairs] == before
    assert not any(shown.memory.is_picture_given_up for pair in pairs for shown in pair)
    later = Picture(HUGE, guilty.memory)
    assert later.repaint(guilty.log) == b"", "the next server does not try again"
    assert screens.ended == 1


@pytest.mark.parametrize("screens", [children.ILL], indirect=True)
def test_one_that_stands_still_holds_up_everybody_once_and_no_longer_than_the_deadline(screens: Screens) -> None:
    guilty, others = Shown(), [Shown() for _ in range(3)]
    for number, other in enumerate(others):
        other.write(b"other %d" % number)
        other.repaint()
    guilty.write(b"STOP")
    emulator = others[0].picture._opened()
    assert emulator is not None
    began = time.monotonic()
    assert emulator.repaint() == b""
    assert SCREEN_ANSWER <= time.monotonic() - began < SCREEN_ANSWER + 2
    assert all(b"other %d" % number in other.repaint() for number, other in enumerate(others))
    assert screens.ended == 1
    assert not guilty.memory.is_picture_given_up, "it might have been the machine"
    began = time.monotonic()
    assert guilty.repaint() == b""
    assert time.monotonic() - began < 2 * SCREEN_ANSWER + 3
    assert screens.ended == 2
    assert guilty.memory.is_picture_given_up


@pytest.mark.parametrize("screens", [None], indirect=True)
def test_killed_in_the_midst_of_much_output_the_others_are_right(screens: Screens) -> None:
    shown, other = Shown(), Shown()
    other.write(b"quiet")
    other.repaint()
    data = b"".join(b"\x1b[3%dm%d\r\n" % (number % 8, number) for number in range(60_000))[: MIB // 2]
    shown.write(data)
    os.kill(screens.pid, signal.SIGKILL)
    assert b"quiet" in other.repaint()
    fresh = Shown()
    fresh.write(data)
    assert fresh.repaint() == shown.repaint() or shown.memory.is_picture_given_up
