import pytest

from whale.cli.table import print_table


def test_columns_are_as_wide_as_they_need_and_lines_end_clean(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "LONG"), [("one", ""), ("x", "y")])
    assert capsys.readouterr().out == "A     LONG\none\nx     y\n"


def test_text_from_elsewhere_can_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A",), [("\x1b[2J\r\nx",)])
    assert capsys.readouterr().out == "A\n\\x1b[2J\\r\\nx\n"
