"""`whale-server config check`."""

import json
import os
from pathlib import Path

import pytest

from whale.cli.server import invoke
from whale.server.config import settings


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)


def test_the_table_has_every_setting_with_value_and_origin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "whale.toml"
    file.write_text('[engine]\nname = "far"\n')
    monkeypatch.setenv("WHALE_SERVER_LIMITS_MAX_SESSIONS", "7")
    assert invoke(["--log-level", "debug", "--config", str(file), "config", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "ORIGIN"]
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines[1:]}
    assert list(rows) == list(settings())
    assert rows["log.level"] == ['"debug"', "flag --log-level"]
    assert rows["engine.name"] == ['"far"', f"file {file}"]
    assert rows["limits.max_sessions"] == ["7", "environment WHALE_SERVER_LIMITS_MAX_SESSIONS"]
    assert rows["tls.behind_proxy"] == ["false", "default"]


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["--behind-tls-proxy", "config", "check", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == list(settings())
    assert shown["tls.behind_proxy"] == {"value": True, "origin": "flag --behind-tls-proxy"}
    assert shown["shutdown.grace"] == {"value": 10.0, "origin": "default"}
    assert shown["origins"] == {"value": [], "origin": "default"}
    assert shown["state_dir"]["value"].startswith("/")


def test_the_file_can_be_named_after_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "whale.toml"
    file.write_text("listen = 1")
    assert invoke(["config", "check", "--config", str(file)]) == 1
    assert "whale-server: listen: expected str, got int" in capsys.readouterr().err


def test_a_wrong_setting_is_status_1_and_nothing_on_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_SERVER_LISTN", "x")
    assert invoke(["config", "check"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "whale-server: WHALE_SERVER_LISTN: no such setting (environment)",
        "hint: did you mean WHALE_SERVER_LISTEN?",
    ]
