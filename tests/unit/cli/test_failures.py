"""What a failure looks like."""

import io
import os
import subprocess
import sys

import pytest

from whale.cli.failures import report
from whale.model.errors import EngineError, ExecError, WhaleError


def test_one_line_says_what_and_one_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = EngineError("the engine failed", hint="start it", detail="/var/run/secret.sock")
    assert report("whale", error) == 125
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "whale: the engine failed\nhint: start it\n"


def test_without_a_hint_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    report("whale", WhaleError("no"))
    assert capsys.readouterr().err == "whale: no\n"


def test_the_status_comes_from_the_table_unless_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("whale", ExecError("no such command", code="exec.not_found")) == 127
    assert report("whale", ExecError("no such command", code="exec.not_found"), status=1) == 1
    assert report("whale", WhaleError("?", code="of.the.future")) == 125
    assert report("whale", WhaleError("?"), status=0) == 0


def test_operators_see_the_detail(capsys: pytest.CaptureFixture[str]) -> None:
    error = WhaleError("no", hint="do", detail="errno 28")
    report("whale-server", error, detail=True)
    assert capsys.readouterr().err == "whale-server: no\ndetail: errno 28\nhint: do\n"


def test_text_from_elsewhere_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    report("whale", WhaleError("no container \x1b[2J\nhint: forged", hint="a\rb"))
    assert capsys.readouterr().err == "whale: no container \\x1b[2J\\nhint: forged\nhint: a\\rb\n"


def test_a_closed_stderr_is_no_second_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert report("whale", WhaleError("no")) == 125


def test_a_broken_stderr_does_not_change_the_exit_status() -> None:
    program = "import sys; from whale.cli.failures import report; from whale.model.errors import WhaleError;"
    program += "sys.exit(report('whale', WhaleError('no')))"
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, "-c", program], stderr=writer, timeout=60, check=False)
    finally:
        os.close(writer)
    assert done.returncode == 125


def test_it_is_cheap_to_import() -> None:
    program = "import sys, whale.cli.failures; print(sorted({'click', 'dataclasses', 'asyncio'} & set(sys.modules)))"
    # Coverage measures child processes too, and imports more than we do.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=env)
    assert done.stdout == "[]\n"
