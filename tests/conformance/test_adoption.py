"""A server is killed with an exec under way, again and again, and every byte is there exactly once all the same."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Engines
from tests.conformance.nursery import Result, Task
from tests.engines import TestEngine

KINDS = ("docker", "podman")


class Nursery:
    """Runs tasks on one engine, in one container."""

    def __init__(self, engine: TestEngine, container: str, directory: Path) -> None:
        self.engine = engine
        self.container = container
        self.directory = directory
        self.out = b""
        self.err = b""

    def run(self, *command: str, **task: Any) -> Result:
        asked = Task(self.engine.url, self.container, command, str(self.directory), **task)
        done = subprocess.run(
            [sys.executable, "-m", "tests.conformance.nursery"],
            input=json.dumps(asked._asdict()),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        self.out, self.err = ((self.directory / name).read_bytes() for name in ("out", "err"))
        print(done.stdout)
        return Result(**json.loads(done.stdout))


@pytest.fixture(params=KINDS)
def nursery(request: pytest.FixtureRequest, engines: Engines, tmp_path: Path) -> Any:
    engine = engines.get(request.param)
    with engine.container() as container:
        yield Nursery(engine, container, tmp_path)


def numbers(count: int, *, digits: str) -> str:
    """A text whose every part is different, of digits that no other source uses."""
    return "".join("".join(digits[int(digit, 16)] for digit in f"{number:06x}") for number in range(count))


DIGITS = ("abcdefghijklmnop", "ABCDEFGHIJKLMNOP", "0123456789+-*/=,")


def of_source(text: bytes, source: int) -> str:
    """What one source wrote of a text that several wrote."""
    return "".join(character for character in text.decode() if character in DIGITS[source])


COUNT = """
i=0
while [ $i -lt 10000 ]; do
    i=$((i+1)); echo out $i; echo err $i >&2
    [ $((i % 200)) = 0 ] && sleep 0.02
done
exit 7
"""


def test_output_of_both_streams_is_there_once(nursery: Nursery) -> None:
    done = nursery.run("sh", "-c", COUNT, kills=60, seed=1)
    assert nursery.out == b"".join(b"out %d\n" % (i + 1) for i in range(10000))
    assert nursery.err == b"".join(b"err %d\n" % (i + 1) for i in range(10000))
    assert (done.status, done.servers > 30) == (7, True)


def test_random_bytes_are_the_very_bytes(nursery: Nursery) -> None:
    nursery.run("sh", "-c", "head -c 20000000 /dev/urandom | tee /tmp/x; sha256sum </tmp/x >&2", kills=30, seed=2)
    assert len(nursery.out) == 20_000_000
    assert nursery.err.split()[0].decode() == hashlib.sha256(nursery.out).hexdigest()


def test_input_through_a_pipe_arrives_once(nursery: Nursery) -> None:
    data = random.Random(3).randbytes(12_000_000)
    done = nursery.run(
        "sha256sum", inputs=(data.decode("latin-1"),), half_close=True, piece=200_000, kills=40, longest=0.03, seed=3
    )
    assert nursery.out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert (done.status, done.delivered) == (0, [len(data)])


def test_keys_of_several_sources_arrive_once_each_in_order(nursery: Nursery) -> None:
    typed = [numbers(3000, digits=digits) for digits in DIGITS]
    script = "stty raw -echo; echo ready; head -c 54000 | cat -v; exit 3"
    done = nursery.run(
        "sh", "-c", script, tty=True, inputs=typed, await_first="ready", piece=12, kills=60, longest=0.03, seed=4
    )
    echoed = nursery.out.partition(b"ready\n")[2]
    assert [of_source(echoed, source) for source in range(3)] == typed
    assert (done.status, done.delivered) == (3, [18000] * 3)


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
def test_a_kill_at_any_instruction_changes_nothing(nursery: Nursery, tty: bool) -> None:
    typed = [numbers(4000, digits=digits) for digits in DIGITS[:2]]
    script = f"{'stty raw -echo; ' if tty else ''}echo ready; exec head -c 48000"
    step = {"docker": 1, "podman": 7}[nursery.engine.kind]
    done = nursery.run("sh", "-c", script, tty=tty, inputs=typed, await_first="ready", piece=5, each_step=step)
    echoed = nursery.out.partition(b"ready\n")[2]
    assert [of_source(echoed, source) for source in range(2)] == typed
    assert (done.status, done.delivered) == (0, [24000] * 2)
    assert done.servers > 400 / step
