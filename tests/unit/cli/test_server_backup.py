"""`whale-server backup` and `restore`, as an operator types them."""

from pathlib import Path

import pytest

from whale.cli.server import invoke


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("WHALE_SERVER_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_there_and_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "backup")
    assert invoke(["token", "create", "alice"]) == 0
    assert invoke(["backup", file]) == 0
    capfd.readouterr()
    assert invoke(["restore", file]) == 1
    assert "--force" in capfd.readouterr().err
    assert invoke(["restore", "--force", file]) == 0
    told = capfd.readouterr()
    assert told.out == ""
    assert "3 rows are back" in told.err
    assert "newest event: 1:" in told.err
    assert invoke(["restore", file, "--state-dir", str(tmp_path / "other")]) == 0
    capfd.readouterr()
    assert invoke(["token", "list", "--state-dir", str(tmp_path / "other")]) == 0
    assert "alice" in capfd.readouterr().out


def test_to_stdout(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert invoke(["token", "create", "alice"]) == 0
    capfdbinary.readouterr()
    assert invoke(["backup", "-"]) == 0
    file = tmp_path / "backup"
    file.write_bytes(capfdbinary.readouterr().out)
    assert file.read_bytes().startswith(b'{"format":"whale-backup"')
    assert invoke(["restore", "--force", str(file)]) == 0


def test_what_is_no_backup(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "backup").write_text("hello\n")
    assert invoke(["restore", str(tmp_path / "backup")]) == 1
    assert "that is no backup of whale-server" in capfd.readouterr().err
