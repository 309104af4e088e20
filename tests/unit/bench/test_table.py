import pytest

from bench.model import Bar, Failure, Result, Samples
from bench.table import columns, markdown, markdown_report, number, terminal_report

RESULT = Result(
    "echo",
    "Keystroke echo",
    "µs",
    {"whale": Samples((1.0, 2.0, 3.0)), "docker exec": Samples((1.5,) * 100)},
    (Bar("keystroke echo, p50", "docker exec", 1.26, 1.3, "×", True), Bar("memory", "", 70, 64, "KiB", True)),
    {"sessions": 2000},
)


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.123"), (1.26, "1.26"), (9.999, "10"), (42.26, "42.3"), (999.6, "1,000"), (0, "0")]
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_columns_are_aligned_and_lines_have_no_blanks_at_their_end() -> None:
    assert columns(("a", "b"), [("long", "x"), ("y", "")]) == "a     b\n────  ─\nlong  x\ny"


def test_markdown_keeps_cells_apart() -> None:
    assert markdown(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x\\|y | z |"


def test_the_terminal_sees_bars_samples_facts_notes_and_what_failed() -> None:
    report = terminal_report([RESULT], [Failure("pipe", "no docker")], ["no ssh here"])
    lines = [" ".join(line.split()) for line in report.splitlines()]
    assert "keystroke echo, p50 docker exec ≤ 1.3 × 1.26 × met" in lines
    assert "memory – ≤ 64 KiB 70.0 KiB MISSED" in lines
    assert "echo docker exec 1.5 1.5 1.5 1.5 µs" in lines
    assert "echo sessions 2,000" in lines
    assert "note: no ssh here" in lines
    assert "NOT MEASURED: pipe: no docker" in lines


def test_a_run_in_which_all_failed_has_a_report() -> None:
    assert terminal_report([], [Failure("pipe", "no docker")], []) == "NOT MEASURED: pipe: no docker"


def test_the_page_shows_the_same_without_what_is_not_there() -> None:
    page = markdown_report([RESULT], [])
    assert "| keystroke echo, p50 | docker exec | ≤ 1.3 × | 1.26 × | met |" in page
    assert "### Notes" not in page
    assert "- no ssh here" in markdown_report([RESULT], ["no ssh here"])
