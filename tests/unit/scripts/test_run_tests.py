from pathlib import Path

import pytest

from scripts import run_tests
from scripts.run_tests import failures


def test_what_failed_is_said_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "_RESULTS", tmp_path)
    cases = """<testcase classname="tests.a" name="test_good"/>
      <testcase classname="tests.a" name="test_bad"><failure message="assert 1 == 2&#10;more">long</failure></testcase>
      <testcase classname="tests.b" name="test_broken"><error message="">long</error></testcase>"""
    (tmp_path / "one.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert list(failures()) == ["tests.a::test_bad: assert 1 == 2", "tests.b::test_broken: "]
