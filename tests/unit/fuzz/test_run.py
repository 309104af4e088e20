import time
from pathlib import Path

import pytest

from fuzz import run
from fuzz.run import Target, make_case, run_case, run_target


def accept(_data: bytes) -> None:
    pass


def refuse_long(data: bytes) -> None:
    if len(data) > 5:
        raise ValueError("too long for me")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "KEPT", tmp_path)
    return tmp_path


def test_the_seeds_come_first_as_they_are() -> None:
    target = Target("x", (b"a", b"b"), accept)
    assert [make_case(target, 1, n) for n in range(2)] == [b"a", b"b"]
    assert make_case(target, 1, 2) == make_case(target, 1, 2)


def test_a_target_that_raises_nothing_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_target(Target("x", (b"a",), accept), 1, 0.05)
    assert "nothing found" in capsys.readouterr().out


def test_a_finding_is_kept_with_the_command_that_repeats_it(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Target("x", (b"a", b"long enough"), refuse_long)
    assert not run_target(target, 9, 5)
    assert (kept / "x-9-1.bin").read_bytes() == b"long enough"
    shown = capsys.readouterr().err
    assert "--seed 9 --only x --case 1" in shown
    assert "too long for me" in shown


def test_a_target_that_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CASE_LIMIT", 0.1)
    with run.hang_limit():
        assert not run_case(Target("x", (b"a",), lambda _data: time.sleep(30)), 1, 0)


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--only", "nothing"]) == 2
    assert "no target named 'nothing'" in capsys.readouterr().err
