"""Start programs with as little as possible between the clock and the program, on pipes or on a terminal.

`os.posix_spawn` and raw descriptors: what a measuring loop adds, it adds to every path alike and it is small.
"""

import contextlib
import os
import select
import signal
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence

from bench.model import BenchError

LIMIT = 120.0
"""Seconds any single wait for a program may take."""

_SIGNALS = (signal.SIGPIPE,)
"""Python ignores it, and programs would inherit that."""


@contextlib.contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """Interrupt blocking calls inside after so many seconds with `BenchError`; costs the loop inside nothing."""

    def over(*_: object) -> None:
        raise BenchError(f"{what}: not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def spawn(argv: Sequence[str], env: Mapping[str, str], *, stdin: int, stdout: int, stderr: int) -> int:
    """Start a program on these descriptors and return its process id. The caller must `reap` it."""
    moves = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((stdin, stdout, stderr))]
    return os.posix_spawn(argv[0], list(argv), env, file_actions=moves, setsigdef=_SIGNALS)


def reap(pid: int, *, within: float = LIMIT) -> int:
    """Wait for a process and return its exit status; one that takes too long is killed (`BenchError`)."""
    try:
        with deadline(within, f"process {pid}"):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except BenchError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def wall_time(argv: Sequence[str], env: Mapping[str, str]) -> float:
    """Seconds from the start of a program to its end. `BenchError` if it fails."""
    with open(os.devnull, "r+b", buffering=0) as null:
        begin = time.perf_counter()
        pid = spawn(argv, env, stdin=null.fileno(), stdout=null.fileno(), stderr=2)
        status = reap(pid)
        took = time.perf_counter() - begin
    if status != 0:
        raise BenchError(f"{' '.join(argv)} ended with status {status}")
    return took


class Terminal:
    """A program on a pseudo-terminal of its own. Use it as a context: the program is ended with it."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], *, cols: int = 120, rows: int = 40) -> None:
        self.fd, slave = os.openpty()
        """The side that types and looks."""
        self._argv = argv
        try:
            path = os.ttyname(slave)
            termios.tcsetwinsize(slave, (rows, cols))
            # A session leader that opens a terminal gets it as its controlling one.
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ]
            self.started = time.perf_counter()
            self.pid = os.posix_spawn(
                argv[0],
                list(argv),
                {**env, "TERM": "xterm-256color"},
                setsid=True,
                file_actions=actions,
                setsigdef=_SIGNALS,
            )
        finally:
            os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        # The hang-up that a closed window sends; the program leaves by itself.
        os.close(self.fd)
        with contextlib.suppress(BenchError):
            reap(self.pid, within=10)

    def read_until(self, mark: bytes, *, within: float = LIMIT) -> bytes:
        """Read until the output ends with `mark` (blanks behind it aside) and return what was read."""
        seen = b""
        end = time.monotonic() + within
        while not seen.rstrip(b" ").endswith(mark.rstrip(b" ")):
            ready, _, _ = select.select([self.fd], [], [], max(0.0, end - time.monotonic()))
            try:
                seen += os.read(self.fd, 65536) if ready else b""
            except OSError:
                ready = []  # the program has left the terminal
            if not ready:
                raise BenchError(f"{' '.join(self._argv)}: {mark!r} did not come; seen: {seen[-300:]!r}")
        return seen

    def end(self, keys: bytes) -> None:
        """Type what makes the program leave, and read on until it has gone."""
        os.write(self.fd, keys)
        with deadline(LIMIT, f"{' '.join(self._argv)} after {keys!r}"), contextlib.suppress(OSError):
            while os.read(self.fd, 65536):
                pass

    def is_raw(self) -> bool:
        """Tell whether the program has switched the local echo off: else an echo would be no one's merit."""
        return not termios.tcgetattr(self.fd)[tty.LFLAG] & termios.ECHO
