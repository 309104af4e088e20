import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import coverage
import pytest

from scripts.own_coverage import ROOT, measure, ranges


@pytest.mark.parametrize(
    ("lines", "text"),
    [([], ""), ([3], "3"), ([5, 6, 7, 3], "3, 5-7"), ([1, 2, 4, 5], "1-2, 4-5")],
)
def test_line_numbers_are_grouped(lines: list[int], text: str) -> None:
    assert ranges(lines) == text


def test_only_lines_of_the_own_test_count() -> None:
    found = measure(PurePosixPath("src/whale/x.py"), [1, 2, 3, 4], [1, 2, 99])
    assert (found.missing, found.percent) == ([3, 4], 50.0)


def test_a_file_without_statements_is_covered() -> None:
    assert measure(PurePosixPath("src/whale/x.py"), [], []).percent == 100.0


def test_the_plugin_labels_lines_with_the_test_file_that_ran_them(tmp_path: Path) -> None:
    (tmp_path / "subject.py").write_text("def one():\n    return 1\n\n\ndef two():\n    return 2\n")
    for name, body in (("one", "import subject\nasync def test_it(): assert subject.one() == 1\n"), ("two", _FIXTURE)):
        (tmp_path / f"test_{name}.py").write_text(body)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\npythonpath = .\n")
    command = ["coverage", "run", "--rcfile=/dev/null", "--include=*/subject.py", "-m", "pytest", "-q"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COVERAGE_CORE": "ctrace", "COVERAGE_FILE": str(tmp_path / "data")}
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        env.pop(name, None)
    run = [sys.executable, "-m", *command, "-p", "scripts.pytest_contexts"]
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    cover = coverage.Coverage(data_file=str(tmp_path / "data"), config_file=False)
    cover.load()
    by_line = cover.get_data().contexts_by_lineno(str(tmp_path / "subject.py"))
    assert by_line[1] == [""]
    assert by_line[2] == ["test_one.py"]
    assert by_line[6] == ["test_two.py"]


_FIXTURE = """
import pytest
import subject

@pytest.fixture
def two():
    return subject.two()

def test_it(two):
    assert two == 2
"""
