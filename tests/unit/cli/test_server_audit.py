"""`whale-server audit`: verify, tail, search."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from whale.audit.event import Kind
from whale.cli.server import invoke
from whale.server.audit import note_operator


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_SERVER_STATE_DIR", str(tmp_path / "state"))

    async def fill() -> None:
        for number in range(1, 5):
            await note_operator(tmp_path / "state", Kind.TOKEN_CREATED, name=f"name{number}")

    asyncio.run(fill())
    return tmp_path / "state"


def run(capsys: pytest.CaptureFixture[str], *args: str, status: int = 0) -> str:
    assert invoke(["audit", *args]) == status
    out, err = capsys.readouterr()
    return err if status else out


def test_verify_says_what_to_note_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = run(capsys, "verify").splitlines()
    assert first == "4 events hold"
    mark = second.removeprefix("newest: ")
    assert mark.startswith("4:")
    assert run(capsys, "verify", "--expect", mark)
    assert "event 4 is not the one that was expected" in run(capsys, "verify", "--expect", f"4:{'0' * 64}", status=1)
    assert "--expect is" in run(capsys, "verify", "--expect", "4", status=1)


def test_verify_names_what_is_wrong(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    with closing(sqlite3.connect(state / "whale.db")) as database, database:
        database.execute("DELETE FROM audit_events WHERE seq = 2")
    told = run(capsys, "verify", status=1)
    assert "event 2 is missing" in told


def test_tail_shows_the_newest_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "tail", "-n", "2", "--format", "json").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["name3", "name4"]
    assert run(capsys, "tail").splitlines()[1].split()[:3:2] == ["1", "token.created"]


def test_search(capsys: pytest.CaptureFixture[str]) -> None:
    def found(*args: str) -> list[str]:
        return [json.loads(line)["name"] for line in run(capsys, "search", "--format", "json", *args).splitlines()]

    assert found() == ["name1", "name2", "name3", "name4"]
    assert found("--text", "NAME3") == ["name3"]
    assert found("--kind", "token.created", "--since", "1h", "-n", "1") == ["name4"]
    assert found("--until", "1h") == found("--by", "alice") == found("--container", "web") == []
    assert "not understood" in run(capsys, "search", "--since", "tomorrow", status=1)
