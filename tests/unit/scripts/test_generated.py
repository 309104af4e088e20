from pathlib import Path

import pytest

from scripts.generated import write_or_check


def test_written_and_then_found_equal(tmp_path: Path) -> None:
    page = tmp_path / "deep" / "page.md"
    assert write_or_check(page, "text\n", [], command="make it") == 0
    assert page.read_text() == "text\n"
    assert write_or_check(page, "text\n", ["--check"], command="make it") == 0


@pytest.mark.parametrize("present", ["old\n", None])
def test_a_difference_is_shown_with_the_command_that_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], present: str | None
) -> None:
    page = tmp_path / "page.md"
    if present is not None:
        page.write_text(present)
    assert write_or_check(page, "new\n", ["--check"], command="make it") == 1
    shown = capsys.readouterr()
    assert "+new" in shown.out
    assert "run: make it" in shown.err
    assert (page.read_text() if page.exists() else None) == present
