"""`whale-server user`: the command for the person on stdout, notes on stderr."""

import json
import os
import re
from pathlib import Path

import pytest

from whale.access.tokens import TOKEN_PATTERN
from whale.cli.server import invoke
from whale.server.users import DEFAULT_LINK_LIFETIME


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WHALE_SERVER_PUBLIC_URL", "https://whale.example")


def test_add_prints_the_command_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["user", "add", "alice", "--group", "developer"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(f"whale login 'https://whale.example#{TOKEN_PATTERN}'\n", out)
    assert "alice" in err
    assert "once" in err
    assert "whale_" not in err
    assert invoke(["user", "link", "alice", "--expires", "2h"]) == 0
    assert capsys.readouterr().out != out


def test_the_help_names_the_real_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["user", "add", "--help"]) == 0
    assert f"[default: {DEFAULT_LINK_LIFETIME}]" in capsys.readouterr().out


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    invoke(["user", "add", "bob"])
    invoke(["user", "add", "alice", "--group", "a", "--group", "b"])
    invoke(["user", "disable", "bob"])
    capsys.readouterr()
    assert invoke(["user", "list", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["source"], row["groups"], row["state"], row["last_login"]) for row in shown] == [
        ("alice", "local", ["a", "b"], "active", None),
        ("bob", "local", [], "disabled", None),
    ]
    assert invoke(["user", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == [
        *("NAME", "SOURCE", "CREATED", "LAST", "LOGIN", "GROUPS", "STATE"),
    ]


def test_changes_say_what_they_did(capsys: pytest.CaptureFixture[str]) -> None:
    invoke(["user", "add", "alice"])
    capsys.readouterr()
    for args, said in (
        (["set-groups", "alice", "a", "b"], "alice is in a, b"),
        (["set-groups", "alice"], "alice is in no group"),
        (["disable", "alice"], "alice is disabled"),
        (["enable", "alice"], "alice may log in again"),
        (["remove", "alice"], "alice is removed"),
    ):
        assert invoke(["user", *args]) == 0
        assert capsys.readouterr() == ("", f"{said}\n")
    assert invoke(["user", "disable", "alice"]) == 1
    assert "nobody named alice" in capsys.readouterr().err
