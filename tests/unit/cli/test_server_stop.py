"""`whale-server stop`: what it says, and what it asks of the server's room."""

from pathlib import Path

import pytest

from whale.cli.server import invoke


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("flags", [(), ("--sessions",)])
def test_stops_and_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    *,
    running: bool,
) -> None:
    asked: list[bool] = []

    def stop(state_dir: Path, *, sessions: bool, grace: float) -> bool:
        assert (state_dir, grace) == (tmp_path, 10.0)
        asked.append(sessions)
        return running

    monkeypatch.setattr("whale.server.stop.stop_server", stop)
    monkeypatch.setattr("whale.server.stop.end_left_sessions", lambda _config: 3)
    assert invoke(["stop", *flags, "--state-dir", str(tmp_path)]) == 0
    err = capsys.readouterr().err
    assert asked == [bool(flags)]
    assert ("the server has stopped" in err) is running
    assert ("no server runs" in err) is (not running and not flags)
    assert ("3 sessions that were left have been ended" in err) is bool(flags)
