"""The page of security tests is held to the tests, and the checker to what it is for."""

from pathlib import Path

import pytest

from scripts import check_security_tests as checker
from scripts.check_security_tests import main, names_of, problems

PAGE = """
| A1 | hole | answer | `unit/a.py::test_one` `unit/a.py::test_two` |

## Not there yet

| A2 | hole | why |
"""
FILES = {"unit/a.py": "def test_one(): ...\nclass Some:\n    async def test_two(self): ...\n"}


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "ROWS", {"A": 2})


def found(page: str) -> list[str]:
    return list(problems(page, FILES.get))


def test_a_page_that_is_right() -> None:
    assert found(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("test_one", "test_three", "A1: there is no test_three in tests/unit/a.py"),
        ("a.py::test_two", "b.py::test_two", "A1: there is no tests/unit/b.py"),
        ("`unit/a.py::test_one` `unit/a.py::test_two`", "some day", "A1: names no test"),
        ("| A2 |", "| A3 |", "A2: is there 0 times"),
        ("| A2 |", "| A3 |", "A3: is no row"),
        ("| A2 |", "| A1 |", "A1: is there 2 times"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, problem: str) -> None:
    assert problem in found(PAGE.replace(old, new, 1))


def test_only_tests_count() -> None:
    assert names_of("def helper(): ...\ntest_x = 1\ndef test_y(): ...") == {"test_y"}


def test_it_exits_with_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checker, "TESTS", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert main(page) == 1
    assert "there is no tests/unit/a.py" in capsys.readouterr().out
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "a.py").write_text(FILES["unit/a.py"])
    assert main(page) == 0
