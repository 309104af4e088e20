"""`python -m bench.listing`: the echo of busy shells while somebody makes container lists in a loop.

A real server with the fake engine: 1,000 containers of ten labels each, 100 policies, 50 shells that type ten keys a
second each. Three conditions in turns: no lists, the same list again and again, and lists of which every container has
changed since the last one, so that all is decided anew. The server has one core, everything else the other one.
"""

import contextlib
import http.client
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from bench.client import Peer
from bench.decisions import container, policies
from bench.load import is_open
from bench.model import BenchError, Samples
from bench.server import Server, running_server
from scripts.provision.paths import ROOT
from whale.model.exec import ExecSpec
from whale.model.limits import WINDOW_TTY
from whale.model.terminal import TerminalSize
from whale.model.turns import Turns

CONTAINERS, POLICIES, SHELLS, KEYS_PER_SECOND = 1000, 100, 50, 10.0
ROUNDS, SECONDS = 5, 4.0
CONDITIONS: Final = {"no lists": "", "same list": "/1.0/containers", "changed list": "/1.0/containers?all=true"}

_SPEC = ExecSpec(command=("cat",), tty=True, stdin=True, size=TerminalSize(cols=80, rows=24))
_SERVER_CORE, _OTHER_CORE = 0, 1
_LIMIT = 30.0


class Round(NamedTuple):
    """One condition for some seconds: microseconds from key to echo, and lists that were made meanwhile."""

    echo_us: list[float]
    lists: int


def serve() -> None:
    """`whale-server`, whose fake engine has many containers, other ones in each list of all."""
    from whale.cli.server import main as server
    from whale.engine.fake import FakeEngine

    made = FakeEngine.from_url

    def from_url(url: str, *, name: str) -> FakeEngine:
        engine = made(url, name=name)
        for number in range(1, CONTAINERS):
            engine.add_container(f"c{number}").labels = dict(container(number).labels)
        count = iter(range(sys.maxsize))

        async def containers(*, all: bool = False) -> list[object]:
            """As from a real engine: one by one, in between what others wait for."""
            changed = {"label-0": f"value-{next(count)}"} if all else {}
            turns, found = Turns(), list[object]()
            for each in engine._containers:
                await turns.give()
                described = each.describe(name)
                found.append(described._replace(labels=described.labels | changed))
            return found

        engine.containers = containers  # type: ignore[method-assign, assignment]
        return engine

    FakeEngine.from_url = from_url  # type: ignore[method-assign]
    server()


class Shells:
    """Shells that type in turns, evenly spread in time; a key is typed when the echo of the one before has come."""

    def __init__(self, server: Server) -> None:
        self._poll = select.epoll()
        self.peers: dict[int, Peer] = {}
        self._typed: dict[int, float] = {}
        for _ in range(SHELLS):
            peer = Peer(*server.address, server.token)
            self.peers[peer.fd] = peer
            self._poll.register(peer.fd, select.EPOLLIN)
            peer.request("web", _SPEC, window=WINDOW_TTY)
            end = time.monotonic() + _LIMIT
            while not is_open(peer):
                self._turn(0.5)
                if time.monotonic() > end:
                    raise BenchError("a shell did not open")

    def type_for(self, seconds: float) -> list[float]:
        """Type, and return the microseconds until each echo."""
        clock, took, fds = time.perf_counter, list[float](), list(self.peers)
        interval, begin = 1 / (KEYS_PER_SECOND * len(fds)), clock()
        number = 0
        while (now := clock()) < begin + seconds or self._typed:
            if now > begin + seconds + _LIMIT:
                raise BenchError("not every echo came")
            due = begin + number * interval
            if due <= now < begin + seconds:
                fd = fds[number % len(fds)]
                if fd not in self._typed:
                    self._typed[fd] = clock()
                    self.peers[fd].type(b"x")
                number += 1
                continue
            for fd in self._turn(max(0.0, min(due - now, 0.05))):
                if fd in self._typed:
                    took.append((clock() - self._typed.pop(fd)) * 1e6)
        return took

    def _turn(self, timeout: float) -> list[int]:
        came = []
        for fd, _ in self._poll.poll(timeout):
            data = self.peers[fd].sock.recv(65_536)
            if not data or self.peers[fd].is_over:
                raise BenchError(f"the server ended a shell: {self.peers[fd].controls[-1:]}")
            if self.peers[fd].feed(data):
                came.append(fd)
        return came


def list_for_ever(host: str, port: int, path: str) -> None:
    """Make lists, each when the one before is here; say on stdout when one is. WHALE_TOKEN is the credential."""
    os.nice(19)
    connection = http.client.HTTPConnection(host, port, timeout=_LIMIT)
    headers = {"Authorization": f"Bearer {os.environ['WHALE_TOKEN']}"}
    while True:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or len(body) < CONTAINERS:
            raise BenchError(f"no list: {answer.status}, {len(body)} bytes")
        os.write(1, b".")


@contextlib.contextmanager
def listing(server: Server, path: str) -> Iterator[subprocess.Popen[bytes] | None]:
    """Have lists made in the block, from a process beside this one; it has begun when the block does."""
    if not path:
        yield None
        return
    argv = [sys.executable, "-m", "bench.listing", *map(str, server.address), path]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=server.environment, cwd=ROOT)
    assert process.stdout is not None
    try:
        if process.stdout.read(1) != b".":
            raise BenchError("no list was made")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def measure(server: Server, shells: Shells, path: str) -> Round:
    """Type for a while under one condition."""
    with listing(server, path) as process:
        echo_us = shells.type_for(SECONDS)
        if process is None:
            return Round(echo_us, 0)
        process.kill()
        assert process.stdout is not None
        return Round(echo_us, len(process.stdout.read()))


def main() -> int:
    """Take turns, and print each condition's medians over its rounds."""
    os.sched_setaffinity(0, {_OTHER_CORE})
    rounds: dict[str, list[Round]] = {name: [] for name in CONDITIONS}
    with tempfile.TemporaryDirectory(prefix="whale-bench-") as folder, contextlib.ExitStack() as stack:
        program, rules = Path(folder) / "server", Path(folder) / "policies"
        program.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
                           "from bench.listing import serve\nserve()\n")  # fmt: skip
        program.chmod(0o700)
        rules.mkdir()
        allowed = 'permit(principal, action in [Action::"list", Action::"shell", Action::"exec"], resource);\n'
        (rules / "bench.cedar").write_text(allowed + policies(POLICIES - 1))
        inside = ["env", f"WHALE_SERVER_POLICY_DIR={rules}", "taskset", "-c", str(_SERVER_CORE)]
        server = stack.enter_context(running_server(str(program), "fake://web", inside=inside))
        shells = Shells(server)
        shells.type_for(2.0)
        for _ in range(ROUNDS):
            for name, path in CONDITIONS.items():
                rounds[name].append(measure(server, shells, path))
    print(
        f"{SHELLS} shells, {KEYS_PER_SECOND:g} keys a second each; medians of {ROUNDS} rounds of {SECONDS:g} s in turns"
    )
    for name, found in rounds.items():
        samples = [Samples(tuple(each.echo_us)) for each in found]
        p50, p99 = (statistics.median(each.percentile(share) for each in samples) for share in (50, 99))
        most = statistics.median(max(each.echo_us) for each in found)
        rate = statistics.median(each.lists for each in found) / SECONDS
        print(
            f"  {name:13} p50 {p50:6.0f} µs   p99 {p99:6.0f} µs   longest {most:7.0f} µs   {rate:5.1f} lists a second"
        )
    return 0


if __name__ == "__main__":
    if sys.argv[1:]:
        list_for_ever(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    sys.exit(main())
