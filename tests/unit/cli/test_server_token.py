"""`whale-server token`: data on stdout, notes on stderr, and a token shown once."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from whale.access.lifetime import DEFAULT_LIFETIME
from whale.access.tokens import TOKEN_PATTERN, parse_token
from whale.cli.server import invoke


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_SERVER_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def create(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert invoke(["token", "create", *args]) == 0
    return capsys.readouterr().out.strip()


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert invoke(["token", "list", "--format", "json"]) == 0
    shown: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return shown


def test_create_prints_the_token_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["token", "create", "alice"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(TOKEN_PATTERN + "\n", out)
    assert parse_token(out.strip()) is not None
    assert "alice" in err
    assert "not shown again" in err
    assert out.strip() not in err


def test_the_help_names_the_real_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["token", "create", "--help"]) == 0
    assert f"[default: {DEFAULT_LIFETIME}]" in capsys.readouterr().out


def test_the_list_never_shows_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    text = create(capsys, "alice")
    for form in ("table", "json"):
        assert invoke(["token", "list", "--format", form]) == 0
        out = capsys.readouterr().out
        assert text[6:18] in out
        assert text[18:] not in out


def test_the_table_says_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    create(capsys, "alice", "--expires", "never")
    create(capsys, "a-much-longer-name")
    invoke(["token", "revoke", "alice"])
    capsys.readouterr()
    assert invoke(["token", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    other, alice = sorted(rows)
    assert head.split("  ")[0] == "NAME"
    assert re.split(r"  +", head) == ["NAME", "ID", "CREATED", "EXPIRES", "LAST USED", "GROUPS", "SCOPE", "STATE"]
    name, _, created, expires, used, groups, scope, state = re.split(r"  +", alice)
    assert (name, expires, used, groups, scope, state) == ("alice", "never", "never", "-", "-", "revoked")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created)
    assert other.endswith("active")
    assert other.index(" 20") == alice.index(" 20")


def test_json_has_null_for_never(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == []
    create(capsys, "alice", "--expires", "never")
    (alice,) = listed(capsys)
    assert set(alice) == {"name", "id", "created", "expires", "last_used", "groups", "scope", "state"}
    assert (alice["expires"], alice["last_used"], alice["state"]) == (None, None, "active")


def test_groups_are_listed_and_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    create(capsys, "alice", "--group", "team-x", "--group", "developer", "--group", "team-x")
    assert listed(capsys)[0]["groups"] == ["developer", "team-x"]
    assert invoke(["token", "list"]) == 0
    assert "  developer,team-x  " in capsys.readouterr().out
    assert invoke(["token", "set-groups", "alice", "viewer"]) == 0
    assert capsys.readouterr().err == "token alice is in viewer\n"
    assert listed(capsys)[0]["groups"] == ["viewer"]
    assert invoke(["token", "set-groups", "alice"]) == 0
    assert capsys.readouterr().err == "token alice is in no group\n"
    assert invoke(["token", "set-groups", "bob", "viewer"]) == 1
    assert "no living token named bob" in capsys.readouterr().err


def test_a_scope_is_listed_in_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    create(capsys, "ci", "--action", "logs,exec", "--container", "label:app=web", "--container", "db")
    assert listed(capsys)[0]["scope"] == {"actions": ["exec", "logs"], "containers": ["label:app=web", "name:db"]}
    assert invoke(["token", "list"]) == 0
    assert "  exec, logs on label:app=web, name:db  " in capsys.readouterr().out
    assert invoke(["token", "create", "other", "--action", "everything"]) == 1
    out, err = capsys.readouterr()
    assert (out, "there is no action 'everything'" in err) == ("", True)
    assert len(listed(capsys)) == 1


def test_a_name_in_use_is_status_1_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    create(capsys, "alice")
    assert invoke(["token", "create", "alice"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "whale-server: there is a token named alice already\n"
        "hint: use another name, or `whale-server token revoke alice` first\n"
    )


@pytest.mark.parametrize("expires", ["", "soon", "0d"])
def test_a_bad_lifetime_is_status_1(expires: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["token", "create", "alice", "--expires", expires]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "30d" in err


def test_revoking(capsys: pytest.CaptureFixture[str]) -> None:
    create(capsys, "alice")
    assert invoke(["token", "revoke", "alice"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "token alice is revoked\n")
    assert [each["state"] for each in listed(capsys)] == ["revoked"]
    assert invoke(["token", "revoke", "alice"]) == 1
    assert "no living token named alice" in capsys.readouterr().err


def test_the_place_is_given_before_or_after_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    assert invoke(["--state-dir", str(before), "token", "create", "alice"]) == 0
    assert invoke(["token", "create", "alice", "--state-dir", str(after)]) == 0
    assert (before / "whale.db").exists()
    assert (after / "whale.db").exists()
    file = tmp_path / "whale.toml"
    file.write_text('state_dir = "from-file"')
    os.environ.pop("WHALE_SERVER_STATE_DIR")
    assert invoke(["token", "create", "alice", "--config", str(file)]) == 0
    assert (tmp_path / "from-file" / "whale.db").exists()


def test_a_place_that_can_not_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert invoke(["token", "list", "--state-dir", str(tmp_path / "file")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("whale-server: the server can't write to its state directory\ndetail: ")
    assert "hint: " in err
