"""Back at work after the network returns, over a wire that delays every packet, in networks of the test's own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.echo import COMMAND, READY
from bench.model import BenchError
from bench.return_time import ALLOWANCE, CALM, IDLE, MOVED, TYPED, Outages, User, round_trip
from bench.wire import FAR, Wire
from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server
from tests.unit.client.processes import TerminalProcess

pytestmark = pytest.mark.timed

ROUNDS = 2


class Bench:
    """A client at one end of a wire, and its server at the other."""

    def __init__(self, line: Wire, server: ServerProcess, terminal: TerminalProcess) -> None:
        self.wire = line
        self.terminal = terminal
        self.outages = Outages(line, User(terminal.type, terminal.read_until))
        self.round_trip = round_trip(line, server.port)

    def best(self, way: str) -> float:
        """The best of some returns: what else the machine does makes none of them quicker."""
        return min(self._one(way) for _ in range(ROUNDS))

    def _one(self, way: str) -> float:
        self.terminal.output = b""
        return self.outages.one(way, seconds=0.5)


@pytest.fixture(scope="module", params=[0.0, 0.05, 0.2], ids=lambda delay: f"{delay * 1000:.0f}ms")
def bench(
    request: pytest.FixtureRequest, docker: TestEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    with ExitStack() as stack:
        container = stack.enter_context(docker.container())
        try:
            line = stack.enter_context(Wire(delay=request.param))
        except (BenchError, OSError) as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no networks of its own: {error}")
        server = stack.enter_context(
            running_server(
                docker.url, tmp_path_factory.mktemp("far"), "--behind-tls-proxy", inside=line.far.inside, host=FAR
            )
        )
        whale = str(Path(sys.executable).with_name("whale"))
        argv = [*line.near.inside, whale, "--insecure-http", "exec", "-it", container, *COMMAND]
        terminal = TerminalProcess(argv, server.environment)
        stack.callback(terminal.close)
        terminal.read_until(READY)
        time.sleep(CALM)  # it watches its network from then on
        yield Bench(line, server, terminal)


def test_the_first_key_is_back_in_a_round_trip(bench: Bench) -> None:
    assert bench.best(IDLE) <= bench.round_trip + ALLOWANCE


def test_a_key_typed_meanwhile_is_back_in_a_round_trip(bench: Bench) -> None:
    assert bench.best(TYPED) <= bench.round_trip + ALLOWANCE


def test_with_another_address_it_takes_a_new_connection_and_no_more(bench: Bench) -> None:
    # To connect, to ask for the session, to send what was typed and have its echo.
    assert bench.best(MOVED) <= 3 * bench.round_trip + ALLOWANCE
    assert b"\x1b]0;whale: the connection broke" in bench.terminal.output


def test_silence_is_found_out_by_who_types(bench: Bench) -> None:
    bench.terminal.output = b""
    line = bench.wire
    # What is on the way is lost, nobody is told, and the former connection's packets stay lost: a NAT that forgot.
    line.near.run("ip", "rule", "add", "priority", "1", "sport", str(client_port(bench)), "type", "blackhole")
    begun = time.monotonic()
    bench.terminal.type(b"Q")
    bench.terminal.read_until(b"Q")
    took = time.monotonic() - begun
    assert took > 1.0, "or nothing was lost"
    assert took < 5 + 10 * bench.round_trip


def client_port(bench: Bench) -> int:
    """The port of the client's connection."""
    command = [*bench.wire.near.inside, "ss", "-Htn", "state", "established"]
    found = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return int(found[2].rpartition(":")[2])
