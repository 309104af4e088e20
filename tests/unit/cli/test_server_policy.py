"""`whale-server policy`: what is right on stdout, what is wrong on stderr, with status 1."""

import os
from pathlib import Path

import pytest

from whale.cli.server import invoke


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    return tmp_path / "policies"


def test_init_and_check(capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke(["policy", "init", str(place)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{name}.cedar" for name in (
        "admin", "operator", "developer", "viewer", "self-service", "own-sessions"
    )]  # fmt: skip
    assert f"set policy.dir to {place}" in err
    assert invoke(["policy", "check", str(place)]) == 0
    assert capsys.readouterr().out == "10 policies in 6 files are right\n"
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(place))
    assert invoke(["policy", "check"]) == 0
    assert capsys.readouterr().out == "10 policies in 6 files are right\n"


def test_what_is_wrong_is_status_1(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    place.mkdir()
    (place / "a.cedar").write_text("permit(\x1b")
    assert invoke(["policy", "check", str(place)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("a.cedar:1: ")
    assert "\x1b" not in err


def test_none_at_all_is_said(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    place.mkdir()
    assert invoke(["policy", "check", str(place)]) == 0
    out, err = capsys.readouterr()
    assert out == "0 policies in 0 files are right\n"
    assert "nobody may do anything" in err
    assert invoke(["policy", "check"]) == 1
    assert "policy.dir" in capsys.readouterr().err


TABLE = """
[people]
alice = ["developer"]
[containers.web]
[[expect]]
who = "alice"
action = "logs"
on = "web"
decision = "allow"
[[expect]]
who = "alice"
action = "exec"
on = "web"
decision = "deny"
"""


def test_a_table_of_expectations(capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path) -> None:
    invoke(["policy", "init", str(place)])
    table = tmp_path / "expected.toml"
    table.write_text(TABLE)
    capsys.readouterr()
    assert invoke(["policy", "test", "--policies", str(place), str(table)]) == 0
    assert capsys.readouterr() == ("2 of 2 decisions are as expected\n", "")
    table.write_text(TABLE.replace("deny", "allow"))
    assert invoke(["policy", "test", "--policies", str(place / "viewer.cedar"), str(table)]) == 1
    out, err = capsys.readouterr()
    assert out == "0 of 2 decisions are as expected\n"
    assert "expectation 2: alice exec web: deny, not allow" in err


def test_an_explanation(
    capsys: pytest.CaptureFixture[str], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(["policy", "init", str(place)])
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(place))
    monkeypatch.setenv("WHALE_SERVER_ENGINE_URL", "fake://web")
    state = ["--state-dir", str(tmp_path / "state")]
    invoke(["token", "create", "alice", "--group", "operator", *state])
    capsys.readouterr()
    assert invoke(["policy", "explain", *state, "--as", "alice", "shell", "web"]) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines()[1], err) == ("by: operator-run", "")
    assert invoke(["policy", "explain", *state, "--as", "alice", "--privileged", "exec", "web", "ls", "-l"]) == 1
    assert "missing: operator-run permits it under conditions" in capsys.readouterr().out
    assert invoke(["policy", "explain", *state, "--as", "bob", "--group", "viewer", "logs", "web"]) == 0
    assert "for: bob, in viewer" in capsys.readouterr().out
    assert invoke(["policy", "explain", *state, "--as", "bob", "logs", "web"]) == 1
    assert "no living token named bob" in capsys.readouterr().err
