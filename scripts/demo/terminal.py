"""A pseudo-terminal with a program in it, driven like a person would: type, look, resize."""

import contextlib
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence

_LIMIT = 20.0


class Terminal:
    """One program on its own terminal. Use `opened`, which also ends it."""

    def __init__(self, master: int, slave: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self._slave = slave
        self._process = process
        self._seen = b""

    def type(self, text: str) -> None:
        """Send keys; `\\r` is the return key."""
        os.write(self._master, text.encode())

    def expect(self, pattern: str, *, within: float = _LIMIT) -> str:
        """Read until the pattern shows, and forget the output up to its end. TimeoutError with what was seen."""
        deadline = time.monotonic() + within
        while (match := re.search(pattern.encode(), self._seen)) is None:
            if not self._read(deadline):
                raise TimeoutError(f"{pattern!r} did not show within {within:g} s; seen: {self._seen[-300:]!r}")
        self._seen = self._seen[match.end() :]
        return match.group().decode(errors="replace")

    def resize(self, *, cols: int, rows: int) -> None:
        """Give the terminal another size; the program gets SIGWINCH from the kernel."""
        termios.tcsetwinsize(self._slave, (rows, cols))

    def modes(self) -> list[object]:
        """The terminal's modes, to compare before and after."""
        return termios.tcgetattr(self._slave)

    def wait(self, *, within: float = _LIMIT) -> int:
        """Wait for the program's end, reading on, and return its exit status."""
        deadline = time.monotonic() + within
        while self._process.poll() is None:
            self._read(time.monotonic() + 0.05)
            if time.monotonic() > deadline:
                raise TimeoutError(f"the program did not end within {within:g} s; seen: {self._seen[-300:]!r}")
        return self._process.returncode

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        self._seen += os.read(self._master, 65536)
        return True


@contextlib.contextmanager
def opened(command: Sequence[str], environment: Mapping[str, str], *, cols: int, rows: int) -> Iterator[Terminal]:
    """Start a program on a new terminal of its own; killed, if it still runs, when the block ends."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (rows, cols))
    process = subprocess.Popen(
        command,
        env={**environment, "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    try:
        yield Terminal(master, slave, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
        os.close(slave)


def _take_terminal() -> None:
    """In the child, once it leads a session: make its stdin the terminal that signals come from."""
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
