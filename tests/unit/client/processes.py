"""`whale` as a process: with pipes, or in a terminal of its own."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.unit.client.scripted import DEADLINE, TOKEN, wait_until

PROGRAM = (sys.executable, "-c", "import sys; from whale.cli.main import main; sys.exit(main())")
OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
"""Makes standard input the controlling terminal."""

AS_JOB = (
    sys.executable,
    "-c",
    f"""
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    while os.tcgetpgrp(0) != os.getpid():
        pass
    {PROGRAM[2]}
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
os.write(1, b"job %d.\\n" % job)
while os.getpgid(job) != job:
    pass
os.tcsetpgrp(0, job)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
""",
)
"""The same, as a job of something like a shell: the kernel stops no process whose parent can't continue it."""

COLS, ROWS = 101, 33


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a user who is logged in to `url`, and of nothing else."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WHALE", "_WHALE"))}
    return clean | {"WHALE_URL": url, "WHALE_TOKEN": TOKEN, "TERM": "xterm-test", "COLORTERM": ""} | more


def run_whale(url: str, *args: str, data: bytes | None = None, **more: str) -> "subprocess.CompletedProcess[bytes]":
    """Run to the end, with pipes."""
    stdin: dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    return subprocess.run(
        [*PROGRAM, *args], env=environment(url, **more), capture_output=True, timeout=DEADLINE, check=False, **stdin
    )


class TerminalProcess:
    """A process in a pseudo-terminal, and the eyes and hands of its user."""

    def __init__(self, args: list[str], env: Mapping[str, str]) -> None:
        self.output = b""
        self.master, self._slave = pty.openpty()
        self.resize(COLS, ROWS)
        self._process = subprocess.Popen(
            args, env=env, stdin=self._slave, stdout=self._slave, stderr=self._slave, start_new_session=True
        )
        self.pid = self._process.pid

    def mode(self) -> list[Any]:
        """The terminal's mode now."""
        return termios.tcgetattr(self._slave)

    def set_mode(self, mode: list[Any]) -> None:
        termios.tcsetattr(self._slave, termios.TCSANOW, mode)

    @property
    def is_raw(self) -> bool:
        return not self.mode()[3] & termios.ICANON

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def resize(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.master, data) :]

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def read_until(self, text: bytes) -> bytes:
        """Read the screen until a text is there."""
        deadline = time.monotonic() + DEADLINE
        while text not in self.output:
            assert self._read(deadline - time.monotonic()), (text, self.output)
        return self.output

    def read_match(self, pattern: "re.Pattern[bytes]") -> None:
        """Read the screen until a pattern is there."""
        deadline = time.monotonic() + DEADLINE
        while not pattern.search(self.output):
            assert self._read(deadline - time.monotonic()), (pattern, self.output)

    def wait(self) -> int:
        """Read to the end; return the exit status."""
        deadline = time.monotonic() + DEADLINE
        while self._process.poll() is None:
            self._read(0.02)
            assert time.monotonic() < deadline, ("still running", self.output)
        while self._read(0.05):
            pass
        return self._process.returncode

    def wait_stopped(self) -> None:
        """Wait until the process is stopped by a signal."""
        wait_until(lambda: Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(DEADLINE)
        os.close(self._slave)
        os.close(self.master)

    def _read(self, timeout: float) -> bool:
        if not select.select([self.master], [], [], max(0.0, timeout))[0]:
            return False
        data = os.read(self.master, 65536)
        self.output += data
        return bool(data)


@contextmanager
def as_job(url: str, *args: str) -> Iterator[TerminalProcess]:
    """Run `whale` in a terminal as a job; `pid` is the job's own."""
    process = TerminalProcess([*AS_JOB, *args], environment(url))
    try:
        process.read_until(b".\r\n")
        process.pid = int(process.output.split()[1].rstrip(b"."))
        yield process
    finally:
        process.close()


@contextmanager
def in_terminal(
    url: str, *args: str, code: str = PROGRAM[2], env: Mapping[str, str] | None = None
) -> Iterator[TerminalProcess]:
    """Run `whale`, or the code that starts it, in a terminal."""
    command = [sys.executable, "-c", f"{OWN_TERMINAL}\n{code}", *args]
    process = TerminalProcess(command, environment(url) if env is None else env)
    try:
        yield process
    finally:
        process.close()
