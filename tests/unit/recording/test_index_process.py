import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.recording_events import ID, header, output
from whale.recording.index import shard_files
from whale.recording.index_process import URGENT, IndexProcess, main
from whale.recording.stored import make_manifest, write_manifest
from whale.recording.writer import RecordingWriter


def answers(folder: Path, *tasks: dict[str, Any], is_begun: bool = True) -> list[dict[str, Any]]:
    first = [{"begin": {"recordings": str(folder), "expressions": {}}}] if is_begun else []
    given = b"".join(json.dumps(task).encode() + b"\n" for task in [*first, *tasks])
    out = io.BytesIO()
    IndexProcess().run(io.BytesIO(given), out)
    return [json.loads(line) for line in out.getvalue().splitlines()][len(first) :]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = RecordingWriter.create(tmp_path / ID, header(ID))
    writer.write([output(0, b"zebra crossing\r\n")], {})
    writer.finish()
    return tmp_path


def test_it_does_what_it_is_told(folder: Path) -> None:
    assert answers(folder, {"advance": ID}, {"advance": ID}) == [{"is_more": True}, {}]
    assert b"zebra" in shard_files(folder / "index")[0].read_bytes()
    assert answers(folder, {"prune": True}, {"advance": ID}) == [{}, {}]
    assert answers(folder, {"delete": [ID]}, {"advance": ID}) == [{}, {"is_more": True}]
    for path in (folder / ID).iterdir():
        path.unlink()
    (folder / ID).rmdir()
    assert answers(folder, {"prune": True}) == [{}]
    assert b"zebra" not in shard_files(folder / "index")[0].read_bytes()


def test_what_can_not_be_done_is_said_and_the_next_one_is_done(folder: Path) -> None:
    (folder / "empty").mkdir()
    bad, good = answers(folder, {"advance": "empty"}, {"advance": ID})
    assert "no such recording" in bad["error"]
    assert good == {"is_more": True}
    assert "nothing was begun" in answers(folder, {"advance": ID}, is_begun=False)[0]["error"]
    assert answers(folder, {"delete": 5})[0]["error"]


def test_a_part_that_is_elsewhere_is_asked_for(folder: Path) -> None:
    path = folder / ID / "000000.chunk"
    write_manifest(folder / ID, make_manifest(folder / ID))
    path.rename(folder / "elsewhere")
    assert answers(folder, {"advance": ID}, {"advance": "f" * 32}) == [{"elsewhere": 0}] * 2
    (folder / "elsewhere").rename(path)
    assert answers(folder, {"advance": ID}) == [{"is_more": True}]


def test_the_process_is_the_last_to_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr("os.nice", said.append)
    monkeypatch.setattr("os.sched_setscheduler", lambda *args: said.append(args[1]), raising=False)
    monkeypatch.setattr(IndexProcess, "run", lambda self, tasks, answers: said.append("run"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr("sys.argv", ["process"])
    assert main() == 0
    assert said[0] == 19
    assert said[-1] == "run"
    said.clear()
    monkeypatch.setattr("sys.argv", ["process", URGENT])
    assert main() == 0
    assert said == ["run"]


def test_it_ends_with_its_server(folder: Path) -> None:
    command = [sys.executable, "-P", "-s", "-m", "whale.recording.index_process"]
    task = json.dumps({"begin": {"recordings": str(folder), "expressions": {}}}) + "\n" + json.dumps({"advance": ID})
    done = subprocess.run(command, input=task.encode(), capture_output=True, timeout=60, check=True)
    assert done.stdout == b'{}\n{"is_more":true}\n'
