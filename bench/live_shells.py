"""Three hundred people at once: live shells on the real engine, each typing two keys a second, all answered.

Every shell first has to answer a sum, so that it is a shell that is alive and not only a connection.
"""

import select
import time
from typing import NamedTuple

from bench.bed import BUSYBOX, Bed
from bench.client import Peer
from bench.containers import processes
from bench.load import is_open
from bench.model import Bar, BenchError, Result, Samples
from bench.rounds import Progress
from scripts.provision.api import EngineApi
from whale.model.exec import ExecSpec
from whale.model.limits import WINDOW_TTY
from whale.model.terminal import TerminalSize

NAME = "live_shells"

SHELLS = 300
KEYS_PER_SECOND = 2.0
_AT_ONCE = 8
_SPEC = ExecSpec(command=("sh",), tty=True, stdin=True, size=TerminalSize(cols=120, rows=40))
_PROMPT = b"# "
"""Not always the last thing: this shell asks the terminal for the cursor's position after it."""
_SUM, _ANSWER = b"echo $((6*7))ok\r", b"42ok\r\n"
_LIMIT = 60.0
_GONE_LIMIT = 30.0


class Shell:
    """One live shell."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.seen = b""
        self.typed = 0.0
        """When the key was typed whose echo is awaited; 0 when none is."""


class Found(NamedTuple):
    """What the shells showed."""

    start_ms: list[float]
    echo_us: list[float]
    answering: int


def run(bed: Bed) -> Result:
    """Start the shells, let all of them answer, type, and look that nothing is left of them."""
    container = bed.container(BUSYBOX)
    count = bed.rounds(SHELLS, 30)
    server = bed.server
    begin = time.perf_counter()
    crowd = Shells()
    try:
        start_ms = crowd.start(server.address, server.token, container, count)
        took = time.perf_counter() - begin
        answering = crowd.ask()
        echo_us = crowd.type_for(bed.rounds(20, 5))
    finally:
        crowd.close()
    left = wait_gone(EngineApi(bed.host), container)
    samples = {"start-up, ms": Samples(tuple(start_ms)), "keystroke echo, µs": Samples(tuple(echo_us))}
    facts = {
        "shells": count,
        "all started in, s": took,
        "processes left behind": len(left),
        "echo p50, µs": samples["keystroke echo, µs"].median,
        "echo p99, µs": samples["keystroke echo, µs"].percentile(99),
    }
    if left:
        raise BenchError(f"{len(left)} processes were left in the container: {left[:3]}")
    bars = (Bar("live shells on the real engine, all answering", "", answering, count, "shells", False),)
    return Result(NAME, "Live shells at once on the real engine", "see path", samples, bars, facts)


class Shells:
    """All shells, and the poll they share."""

    def __init__(self) -> None:
        self._shells: dict[int, Shell] = {}
        self._poll = select.epoll()

    def start(self, address: tuple[str, int], token: str, container: str, count: int) -> list[float]:
        """Open them, a few at once; return the milliseconds each took from connecting to its prompt."""
        took: list[float] = []
        starting: dict[int, float] = {}
        progress = Progress(NAME, count)
        end = time.monotonic() + _LIMIT + count
        while len(took) < count:
            while len(starting) < _AT_ONCE and len(self._shells) < count:
                begin = time.perf_counter()
                peer = Peer(*address, token)
                peer.request(container, _SPEC, window=WINDOW_TTY)
                self._shells[peer.fd] = Shell(peer)
                self._poll.register(peer.fd, select.EPOLLIN)
                starting[peer.fd] = begin
            for shell in self._turn(1.0):
                fd = shell.peer.fd
                if shell.peer.controls:
                    is_open(shell.peer)
                if fd in starting and _PROMPT in shell.seen:
                    took.append((time.perf_counter() - starting.pop(fd)) * 1000)
                    progress.at(len(took), "shell")
            if time.monotonic() > end:
                raise BenchError(f"{count - len(took)} shells gave no prompt")
        return took

    def ask(self) -> int:
        """Let every shell do a sum; return how many answered."""
        waiting = set(self._shells.values())
        for shell in waiting:
            shell.seen = b""
            shell.peer.type(_SUM)
        end = time.monotonic() + _LIMIT
        while waiting and time.monotonic() < end:
            for shell in self._turn(1.0):
                if _PROMPT in shell.seen.partition(_ANSWER)[2]:
                    waiting.discard(shell)
        return len(self._shells) - len(waiting)

    def type_for(self, seconds: float) -> list[float]:
        """Type in all shells, evenly spread in time; return the microseconds until each echo."""
        took: list[float] = []
        shells = list(self._shells.values())
        interval = 1 / (KEYS_PER_SECOND * len(shells))
        clock = time.perf_counter
        begin = clock()
        next_key, number = begin, 0
        while next_key < begin + seconds or any(shell.typed for shell in shells):
            now = clock()
            if next_key <= now and next_key < begin + seconds:
                shell = shells[number % len(shells)]
                if shell.typed and now - shell.typed > _LIMIT:
                    raise BenchError("a shell does not answer any more")
                if not shell.typed:
                    shell.typed = clock()
                    shell.peer.type(b"x")
                next_key, number = next_key + interval, number + 1
                continue
            for shell in self._turn(max(0.0, min(next_key - now, 0.05))):
                if shell.typed:
                    took.append((clock() - shell.typed) * 1e6)
                    shell.typed = 0.0
            if now > begin + seconds + _LIMIT:
                raise BenchError("not every key's echo came")
        return took

    def close(self) -> None:
        """Leave all of them."""
        self._poll.close()
        for shell in self._shells.values():
            shell.peer.close()

    def _turn(self, timeout: float) -> list[Shell]:
        came = []
        for fd, _ in self._poll.poll(timeout):
            shell = self._shells[fd]
            data = shell.peer.sock.recv(65536)
            if not data or shell.peer.is_over:
                raise BenchError(f"the server ended a shell: {shell.peer.controls[-1:]}")
            pieces = shell.peer.feed(data)
            shell.seen = (shell.seen + b"".join(pieces))[-400:]
            if pieces or shell.peer.controls:
                came.append(shell)
        return came


def wait_gone(engine: EngineApi, container: str) -> list[str]:
    """Wait until no process of a session is left in the container; return those that stayed."""
    end = time.monotonic() + _GONE_LIMIT
    while left := processes(engine, container):
        if time.monotonic() > end:
            break
        time.sleep(0.2)
    return left
