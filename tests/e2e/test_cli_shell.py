"""`whale shell` in a pseudo-terminal, through a real server to a real engine."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server
from tests.unit.client.processes import COLS, OWN_TERMINAL, PROGRAM, ROWS, TerminalProcess
from tests.unit.client.scripted import wait_until
from whale.model.ids import ContainerId

DEADLINE = 30.0


@contextmanager
def shell(server: ServerProcess, *args: str) -> Iterator[TerminalProcess]:
    code = f"{OWN_TERMINAL}\n{PROGRAM[2]}"
    process = TerminalProcess([sys.executable, "-c", code, "shell", *args], {**server.environment, "TERM": "xterm"})
    try:
        yield process
    finally:
        process.close()


def test_the_best_shell_with_the_right_size_from_the_first_line(server: ServerProcess, workshop: ContainerId) -> None:
    with shell(server, workshop) as terminal:
        before = terminal.mode()
        terminal.read_until(b"# ")
        terminal.type(b"echo $0 $TERM; stty size; exit 9\r")
        assert terminal.wait() == 9
        assert f"{ROWS} {COLS}".encode() in terminal.output
        assert b"bash xterm" in terminal.output
        assert terminal.mode() == before


def test_a_command_asks_for_the_size_at_once(server: ServerProcess, container: ContainerId) -> None:
    with shell(server, container, "--", "stty", "size") as terminal:
        assert terminal.wait() == 0
        assert f"{ROWS} {COLS}".encode() in terminal.output


def test_keys_that_engines_and_terminals_like_to_keep(server: ServerProcess, workshop: ContainerId) -> None:
    keys = b"\x10\x11\x03\x1a\x00\x1c" + "語".encode()
    script = f"stty raw -echo; echo ready; head -c {len(keys)} | od -An -tx1"
    with shell(server, workshop, "--", "sh", "-c", script) as terminal:
        terminal.read_until(b"ready")
        for byte in keys:
            terminal.type(bytes([byte]))
        assert terminal.wait() == 0
        assert keys.hex(" ").encode() in terminal.output


def test_a_new_size_reaches_the_program(server: ServerProcess, workshop: ContainerId) -> None:
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.1; done"
    with shell(server, workshop, "--", "bash", "-c", script) as terminal:
        terminal.read_until(b"ready")
        terminal.resize(77, 11)
        terminal.read_until(b"11 77")
        assert terminal.wait() == 0


def test_job_control_works_and_a_full_screen_program_leaves_the_terminal_as_it_was(
    server: ServerProcess, docker: TestEngine, workshop: ContainerId
) -> None:
    with shell(server, workshop) as terminal:
        before = terminal.mode()
        terminal.read_until(b"# ")
        terminal.type(b"sleep 1234\r")
        # Typed before the job runs, Ctrl-Z would have the terminal throw away what was typed before it.
        wait_until(lambda: "sleep 1234" in docker.processes(workshop))
        terminal.type(b"\x1a")
        terminal.read_until(b"Stopped")
        terminal.type(b"kill %1; vi -u NONE /tmp/x\r")
        terminal.read_until(b"[New File]")
        terminal.type(b"ihello\x1b:wq\r")
        terminal.read_until(b"Terminated")  # the job's end is told with the prompt that follows the editor
        terminal.type(b"cat /tmp/x; echo do''ne; exit\r")
        terminal.read_until(b"done")
        assert terminal.wait() == 0
        assert b"hello" in terminal.output
        assert terminal.mode() == before


def test_every_way_out_ends_the_shell_in_the_container(
    server: ServerProcess, docker: TestEngine, container: ContainerId
) -> None:
    for leave, status in ((b"\r~.", 125), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        with shell(server, container) as terminal:
            before = terminal.mode()
            terminal.read_until(b"# ")
            if isinstance(leave, bytes):
                terminal.type(leave)
            else:
                os.kill(terminal.pid, leave)
            assert terminal.wait() == status
            assert terminal.mode() == before
        deadline = time.monotonic() + DEADLINE
        while left := docker.processes(container):
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


def test_a_server_that_dies_gives_the_terminal_back(docker: TestEngine, container: ContainerId, tmp_path: Path) -> None:
    with running_server(docker.url, tmp_path) as own, shell(own, container) as terminal:
        before = terminal.mode()
        terminal.read_until(b"# ")
        own.process.kill()
        terminal.read_until(b"whale: the connection broke")
        assert terminal.is_raw, "the session may go on"
        terminal.type(b"\r~.")
        assert terminal.wait() == 125
        assert terminal.mode() == before
        assert b"you ended the session" in terminal.output
