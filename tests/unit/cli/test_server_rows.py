import json

import pytest

from whale.cli.server_rows import Row, print_rows, written_time

ROWS: list[Row] = [
    {"name": "alice", "last_used": None, "groups": ["a", "b"]},
    {"name": "b", "last_used": "x", "groups": []},
]


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("name", "last_used", "groups"), ROWS, "table")
    assert capsys.readouterr().out == "NAME   LAST USED  GROUPS\nalice  never      a,b\nb      x          -\n"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(("name",), ROWS, "json")
    assert json.loads(capsys.readouterr().out) == ROWS


def test_times() -> None:
    assert [written_time(None), written_time(0)] == [None, "1970-01-01T00:00:00Z"]
