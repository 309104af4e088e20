"""What a terminal shows after an outage with a line on it is what one shows that was never away, cell by cell.

A container plays a recording: its head before the outage, the next part during it, the rest afterwards. What the client
wrote to its terminal goes into xterm.js, as does the recording.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines import docker_engine
from tests.gate_proxy import GateProxy, gate
from tests.integration.test_repaint import compared
from tests.server_process import ServerProcess
from tests.terminal_recordings import Recording, record
from tests.unit.client.processes import TerminalProcess
from tests.xterm_terminal import State, XtermTerminals, differences, xterm_terminals
from whale.engine.open import open_engine
from whale.model.ids import ContainerId
from whale.model.terminal import TerminalSize

WHALE = str(Path(sys.executable).with_name("whale"))
DEADLINE = 30.0
SIZE = TerminalSize(cols=80, rows=24)
PLAY = """
until [ "$(stty size)" = "%d %d" ]; do sleep 0.05; done
stty raw -echo; cat /tmp/head
until [ -e /tmp/go ]; do sleep 0.05; done
cat /tmp/missed; touch /tmp/played
head -c 1 > /tmp/key; cat /tmp/rest; printf '\\033]2;end\\007'
head -c 1 > /tmp/key
"""
Parts = tuple[bytes, bytes, bytes]

LINE, PICTURE, END = b"\x1b[0;7m whale: the connection broke", b"\x18\x1b\\", b"\x1b]2;end\x07"

PARTS: dict[str, Parts] = {
    "a prompt": (b"\r\n".join(b"%d" % n for n in range(40)) + b"\r\n$ ", b"", b"ls\r\n"),
    "a prompt on the last row that goes on": (b"\x1b[24;1H$ make", b"\r\none\r\ntwo\r\n$ ", b"\x1b[1mbold"),
    "an editor": (
        b"main\x1b7\x1b[?1049h\x1b[2J\x1b[1;23r\x1b[24;1H\x1b[7mstatus\x1b[m\x1b[5;5H\x1b[33m\x1b7\x1b[23;1H",
        b"\r\nline\x1b[24;8Hmore\x1b8",
        b"x\x1b8y\x1b[?1049l\x1b8back",
    ),
    "an origin and a saved cursor": (
        b"\x1b[3;9r\x1b[?6h\x1b[2;3H\x1b[31m\x1b7\x1b[4;4H\x1b[?7l\x1b[4h\x1b)0\x0e",
        b"qx",
        b"\x1b8a\x0f",
    ),
    "half a sequence": (b"text\x1b[3", b"1mred\x1b]2;ti", b"tle\x07and on"),
    "nothing meanwhile": (b"\x1b[24;70Hto the edge", b"", b""),
}
KINDS = ("vim", "less", "bash", "random")
EACH = 2


@pytest.fixture(scope="module")
def terminals() -> Iterator[XtermTerminals]:
    with xterm_terminals() as running:
        yield running


@pytest.fixture(scope="module")
def recordings() -> dict[tuple[str, int], Recording]:
    return asyncio.run(_record_all())


async def _record_all() -> dict[tuple[str, int], Recording]:
    real = await asyncio.to_thread(docker_engine)
    with real.container("whale/dev") as box:
        engine = open_engine(real.url, name="docker")
        try:
            found = await engine.container(box)
            names = [(kind, seed) for kind in KINDS for seed in range(EACH)]
            return {name: await record(engine, found, *name) for name in names}
        finally:
            await engine.aclose()


class Away:
    """A client behind a gate, of a container that plays a recording in three parts."""

    def __init__(self, server: ServerProcess, container: ContainerId, proxy: GateProxy, size: TerminalSize) -> None:
        self._server = server
        self._container = container
        self.proxy = proxy
        env = server.environment | {"WHALE_URL": f"http://127.0.0.1:{proxy.port}", "TERM": "xterm-256color"}
        argv = [WHALE, "exec", "-it", container, "sh", "-c", PLAY % (size.rows, size.cols)]
        self.terminal = TerminalProcess(argv, env)
        self.terminal.resize(size.cols, size.rows)

    def until(self, shown: bytes, *, behind: bytes = b"") -> None:
        """Read until something is shown, be it behind something else."""
        end = time.monotonic() + DEADLINE
        while shown not in self.terminal.output.partition(behind)[2] if behind else shown not in self.terminal.output:
            assert self.terminal._read(end - time.monotonic()), self.terminal.output


def run(server: ServerProcess, container: ContainerId, command: str, data: bytes = b"") -> None:
    """Run something in the container, past the gate."""
    argv = [WHALE, "exec", "-i", container, "sh", "-c", command]
    subprocess.run(argv, env=server.environment, input=data, capture_output=True, timeout=DEADLINE, check=True)


@contextmanager
def away(server: ServerProcess, container: ContainerId, parts: Parts, size: TerminalSize = SIZE) -> Iterator[Away]:
    """Play the head, and break the connection behind it until the line was shown."""
    for name, part in zip(("head", "missed", "rest"), parts, strict=True):
        run(server, container, f"cat > /tmp/{name}", part)
    with gate(server.port) as proxy:
        made = Away(server, container, proxy, size)
        try:
            made.until(parts[0])
            proxy.shut()
            made.until(LINE)
            yield made
        finally:
            made.terminal.close()


def come_back(server: ServerProcess, container: ContainerId, parts: Parts, size: TerminalSize = SIZE) -> bytes:
    """Let the connection come back after the next part was played, and play the rest; return all that was shown."""
    with away(server, container, parts, size) as made:
        run(server, container, "touch /tmp/go; until [ -e /tmp/played ]; do sleep 0.05; done")
        made.proxy.open()
        made.until(PICTURE, behind=LINE)
        made.terminal.type(b"k")
        made.until(END)
        made.terminal.type(b"k")
        assert made.terminal.wait() == 0
        return made.terminal.output


def compare(terminals: XtermTerminals, size: TerminalSize, parts: Parts, output: bytes) -> None:
    head, missed, rest = parts
    before, found, after = output.rpartition(rest + END)
    assert found, output
    away = terminals.run(size, [head + missed, rest + END])
    back = terminals.run(size, [before, found + after])
    for moment, one, other in zip(("at the return", "at the end"), away, back, strict=True):
        different = differences(_untitled(one), _untitled(other))
        assert not different, "\n  ".join([moment, *different[:10]])


def _untitled(state: State) -> State:
    """The title is put on a stack that xterm.js does not have."""
    return compared(state) | {"title": None}


@pytest.mark.parametrize("name", PARTS)
def test_the_screen_is_as_if_there_had_been_no_line(
    name: str, server: ServerProcess, workshop: ContainerId, terminals: XtermTerminals
) -> None:
    output = come_back(server, workshop, PARTS[name])
    compare(terminals, SIZE, PARTS[name], output)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(EACH))
def test_a_programs_screen_is_as_if_there_had_been_no_line(
    kind: str,
    seed: int,
    server: ServerProcess,
    workshop: ContainerId,
    recordings: dict[tuple[str, int], Recording],
    terminals: XtermTerminals,
) -> None:
    recording = recordings[kind, seed]
    chance = random.Random(f"away {recording.name}")
    first, second = sorted(chance.sample(range(1, len(recording.output)), 2))
    output = recording.output
    parts = output[:first], output[first:second], output[second:]
    compare(terminals, recording.size, parts, come_back(server, workshop, parts, recording.size))


def test_tilde_dot_leaves_while_the_line_is_shown(server: ServerProcess, workshop: ContainerId) -> None:
    with away(server, workshop, PARTS["a prompt"]) as made:
        made.terminal.type(b"\r~.")
        assert made.terminal.wait() == 125
        _, erased, rest = made.terminal.output.rpartition(b"\x1b[0m\x1b[2K\x1b8")
        assert erased
        assert b"you ended the session with ~." in rest
        assert LINE not in rest
