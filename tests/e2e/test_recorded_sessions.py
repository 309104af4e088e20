"""Sessions that are recorded, on a real engine: what is in the file is what was there, also when servers die."""

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server, whale_server
from tests.unit.client.processes import COLS, ROWS, TerminalProcess
from whale.model.ids import ContainerId
from whale.model.limits import MIB
from whale.recording.event import Code, RecordedEvent
from whale.recording.reader import RecordingReader
from whale.recording.verify import verify

POLICY = '@id("recorded") @record("%s") @unrecorded("%s") permit(principal, action, resource);'
COUNT = '$| = 1; for $i (1..%d) { print "$i\\n"; select(undef, undef, undef, 0.001) if $i %% 10 == 0 }'
"""About 10,000 lines a second."""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Have everything recorded; returns where recordings are."""
    directory = tmp_path / "policies"
    directory.mkdir()
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(directory))

    def said(mode: str = "all", failure: str = "end") -> Path:
        (directory / "all.cedar").write_text(POLICY % (mode, failure))
        return tmp_path / "state" / "recordings"

    return said


def whale(*args: str) -> list[str]:
    return [str(Path(sys.executable).with_name("whale")), *args]


def run(server: ServerProcess, *args: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = whale(*args)
    return subprocess.run(command, env=server.environment, input=input, capture_output=True, timeout=60, check=False)


def only(place: Path) -> Path:
    (found,) = (path for path in place.iterdir() if path.name != "index")
    return found


def data(events: list[RecordedEvent], code: Code) -> bytes:
    return b"".join(event.data for event in events if event.code is code)


def finished(directory: Path) -> list[RecordedEvent]:
    """The events of a recording, when it has its last one."""
    end = time.monotonic() + 10
    while True:
        events = list(RecordingReader(directory).events())
        if any(event.code is Code.EXIT for event in events):
            return events
        assert time.monotonic() < end, events[-3:]
        time.sleep(0.05)


def audit_events(tmp_path: Path, kind: str) -> list[dict[str, object]]:
    search = whale_server("audit", "search", "--format", "json", state_dir=tmp_path / "state")
    lines = subprocess.run(search, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
    return [each for each in map(json.loads, lines) if each["kind"] == kind]


def check_as_written(directory: Path, tmp_path: Path) -> None:
    """Check a recording by the hash in the audit trail, which a server that stops now leaves to the next one."""
    end = time.monotonic() + 10
    while not (found := audit_events(tmp_path, "recording.finished")):
        assert time.monotonic() < end, "never finished"
    assert verify(directory, id=directory.name, head=str(found[0]["hash"])) == []


def test_a_shell_is_recorded(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place = record()
    with running_server(docker.url, tmp_path) as server:
        command = whale(
            "exec", "-it", "--reason", "ticket 42", container, "sh", "-c", "echo ready; read -r a; echo got $a"
        )
        with closing(TerminalProcess(command, server.environment)) as terminal:
            terminal.read_until(b"ready")
            terminal.type("héllo\n".encode())
            assert terminal.wait() == 0
            shown = terminal.output
        directory = only(place)
        events = finished(directory)
        head = RecordingReader(directory).header()
        assert (head.term.cols, head.term.rows, head.whale.reason) == (COLS, ROWS, "ticket 42")
        assert (head.whale.principal, head.whale.policies, head.whale.tty) == ("tests", ("recorded",), True)
        assert data(events, Code.OUTPUT) == shown
        assert data(events, Code.INPUT) == "héllo\n".encode()
        assert events[-1].data == b"0"
        labels = [event.data.decode() for event in events if event.code is Code.MARKER]
        assert labels[0] == "tests is here as controller"
        check_as_written(directory, tmp_path)


def test_of_a_pipe_there_are_sums_and_no_contents(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place = record("output")
    sent = os.urandom(3_000_000)
    with running_server(docker.url, tmp_path) as server:
        done = run(server, "exec", "-i", container, "sh", "-c", "cat; echo oops >&2; exit 3", input=sent)
        assert (done.returncode, done.stdout, done.stderr) == (3, sent, b"oops\n")
        events = finished(only(place))
        assert (data(events, Code.OUTPUT), data(events, Code.INPUT), events[-1].data) == (b"", b"", b"3")
        sums = {each.name: each for each in RecordingReader(only(place)).sums()}
        for name, expected in (("stdout", sent), ("stdin", sent), ("stderr", b"oops\n")):
            each = sums[name]
            assert (each.start, each.end, each.sha256) == (0, len(expected), hashlib.sha256(expected).hexdigest())


def test_of_a_pipe_there_are_contents_where_the_policy_says_so(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place = record("all")
    sent = os.urandom(3_000_000)
    with running_server(docker.url, tmp_path) as server:
        assert run(server, "exec", "-i", container, "sh", "-c", "cat; echo oops >&2", input=sent).stdout == sent
        events = finished(only(place))
        assert data(events, Code.OUTPUT) == sent
        assert data(events, Code.INPUT) == sent
        assert data(events, Code.ERROR_OUTPUT) == b"oops\n"


def test_a_recording_has_no_hole_where_the_server_was_killed(
    docker: TestEngine, workshop: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place = record()
    lines = 40_000
    with running_server(docker.url, tmp_path) as server:
        argv = whale("exec", "-t", workshop, "perl", "-e", COUNT % lines)
        process = subprocess.Popen(argv, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        chance = random.Random(5)
        for _ in range(6):
            time.sleep(chance.uniform(0.05, 0.5))
            server.kill()
            server.start()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        events = finished(only(place))
        check_as_written(only(place), tmp_path)
    assert data(events, Code.OUTPUT).decode().split() == [str(number) for number in range(1, lines + 1)]
    times = [event.at for event in events]
    assert times == sorted(times)


def test_what_was_typed_is_recorded_once_also_where_the_server_was_killed(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place = record()
    command = "stty -icanon -echo; echo rea''dy; head -c 2400 | sha256sum"
    typed = "".join(f"{number:05} " for number in range(400)).encode()
    chance = random.Random(9)
    with running_server(docker.url, tmp_path) as server:
        argv = whale("exec", "-it", container, "sh", "-c", command)
        with closing(TerminalProcess(argv, server.environment)) as terminal:
            terminal.read_until(b"ready")
            for start in range(0, len(typed), 24):
                terminal.type(typed[start : start + 24])
                time.sleep(0.01)
                if chance.random() < 0.05:
                    server.kill()
                    server.start()
            terminal.read_until(hashlib.sha256(typed).hexdigest().encode())
            assert terminal.wait() == 0
        events = finished(only(place))
    assert data(events, Code.INPUT) == typed


def test_a_flood_of_input_waits_for_its_recording(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place, size = record("all"), 100_000_000
    with running_server(docker.url, tmp_path) as server:
        before = server.memory()
        argv = whale("exec", "-i", container, "wc", "-c")
        with subprocess.Popen(
            argv, env=server.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            most = 0
            for _ in range(100):
                process.stdin.write(bytes(size // 100))
                most = max(most, server.memory())
            said, errors = process.communicate(timeout=60)
        assert (process.returncode, said.strip(), errors) == (0, b"%d" % size, b"")
        assert most - before < 64 * MIB
        assert len(data(finished(only(place)), Code.INPUT)) == size


@pytest.mark.parametrize("mode", ["all", "output"])
def test_input_of_a_pipe_is_recorded_once_also_where_the_server_was_killed(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path, mode: str
) -> None:
    place = record(mode)
    sent = b"".join(b"%d\n" % number for number in range(4_000_000))

    def feed(stdin: IO[bytes]) -> None:
        with stdin:
            stdin.write(sent)

    with running_server(docker.url, tmp_path) as server:
        argv = whale("exec", "-i", container, "cat")
        with (
            subprocess.Popen(argv, env=server.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
            ThreadPoolExecutor(1) as thread,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            fed = thread.submit(feed, process.stdin)
            out = b""
            for _ in range(5):
                out += process.stdout.read(len(sent) // 6)
                server.kill()  # in the midst of it
                server.start()
            out += process.stdout.read()
            fed.result(10)
            assert out == sent
        events = finished(only(place))
        sums = RecordingReader(only(place)).sums()
    for each in sums:
        assert hashlib.sha256(sent[each.start : each.end]).hexdigest() == each.sha256, each
    if mode == "all":
        assert data(events, Code.INPUT) == data(events, Code.OUTPUT) == sent
    for name in ("stdin", "stdout"):
        parts = [each for each in sums if each.name == name]
        assert len(parts) > 2
        assert (parts[0].start, parts[-1].end) == (0, len(sent))
        # What of input went to the command just before the server was killed has no sum.
        gap = 2 * MIB if (name, mode) == ("stdin", "output") else 0
        assert all(0 <= after.start - before.end <= gap for before, after in itertools.pairwise(parts))


@pytest.mark.parametrize(("failure", "status"), [("end", 125), ("alarm", 0)])
def test_what_can_not_be_recorded(
    docker: TestEngine,
    container: ContainerId,
    record: Callable[..., Path],
    tmp_path: Path,
    failure: str,
    status: int,
) -> None:
    place = record("all", failure)
    with running_server(docker.url, tmp_path) as server:
        place.write_text("a file where the directory should be")
        done = run(server, "exec", container, "true")
        assert done.returncode == status, done.stderr
        if status:
            assert b"recording" in done.stderr
            assert str(tmp_path).encode() not in done.stderr
    assert [each["code"] for each in audit_events(tmp_path, "recording.failed")] or failure == "end"


def test_a_secret_is_in_no_file(
    docker: TestEngine, container: ContainerId, record: Callable[..., Path], tmp_path: Path
) -> None:
    place = record()
    token = "ghp_" + "a1B2" * 9
    with running_server(docker.url, tmp_path) as server:
        with closing(TerminalProcess(whale("exec", "-it", container, "sh"), server.environment)) as terminal:
            terminal.type(b"echo rea''dy\n")
            terminal.read_until(b"ready")
            for key in f"echo {token} | cut -c 1-40\n".encode():
                terminal.type(bytes((key,)))
                time.sleep(0.01)
            terminal.read_until(token.encode() + b"\r\n")
            terminal.type(b"exit\n")
            assert terminal.wait() == 0
        events = finished(only(place))
    assert token.encode() not in data(events, Code.OUTPUT) + data(events, Code.INPUT)
    assert data(events, Code.OUTPUT).count(b"[redacted: github-token]") == 2
    assert data(events, Code.INPUT).count(b"[redacted: github-token]") == 1
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or token.encode() not in file.read_bytes(), file
