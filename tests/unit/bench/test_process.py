import os
import sys
import time

import pytest

from bench.model import BenchError
from bench.process import Terminal, deadline, reap, spawn, wall_time

ENV = dict(os.environ)
SH = "/bin/sh"


def test_a_deadline_interrupts_a_blocking_call() -> None:
    out, into = os.pipe()
    try:
        with pytest.raises(BenchError, match="nothing came"), deadline(0.05, "nothing came"):
            os.read(out, 1)
    finally:
        os.close(out)
        os.close(into)


def test_the_wall_time_is_that_of_the_whole_process() -> None:
    assert 0.1 <= wall_time([sys.executable, "-c", "import time; time.sleep(0.1)"], ENV) < 10


def test_a_command_that_fails_has_no_time() -> None:
    with pytest.raises(BenchError, match="status 3"):
        wall_time([SH, "-c", "exit 3"], ENV)


def test_a_process_that_does_not_end_is_ended() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    try:
        pid = spawn([SH, "-c", "exec sleep 60"], ENV, stdin=null, stdout=null, stderr=null)
        with pytest.raises(BenchError):
            reap(pid, within=0.1)
    finally:
        os.close(null)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_has_the_terminal_as_its_own() -> None:
    with Terminal([SH, "-c", "stty size; tty; echo READY; read -r x; echo got $x"], ENV, cols=90, rows=33) as terminal:
        seen = terminal.read_until(b"READY\r\n")
        assert seen.startswith(b"33 90\r\n/dev/")
        assert not terminal.is_raw()
        assert terminal.started <= time.perf_counter()
        os.write(terminal.fd, b"it\n")
        assert terminal.read_until(b"got it\r\n").startswith(b"it\r\n")


def test_a_program_that_switches_the_echo_off_is_raw() -> None:
    with Terminal([SH, "-c", "stty raw -echo; echo READY; read -r x"], ENV) as terminal:
        terminal.read_until(b"READY\n")
        assert terminal.is_raw()
        terminal.end(b"\n")


def test_a_mark_that_never_comes_is_an_error_with_what_was_seen() -> None:
    with Terminal([SH, "-c", "echo other"], ENV) as terminal, pytest.raises(BenchError, match="other"):
        terminal.read_until(b"READY")
