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
