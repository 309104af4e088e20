import pytest

from whale.recording.text_row import EVERY, SETTLED, VERSIONS, Row, cells_of


def test_characters_are_cells_with_their_marks_and_widths() -> None:
    assert cells_of("ab") == ["a", "b"]
    assert cells_of("e\u0301x") == ["e\u0301", "x"]
    assert cells_of("日x") == ["日", "", "x"]
    assert cells_of("\u0301") == []
    assert len(cells_of("e" + "\u0301" * 100)[0]) == 8


def test_what_is_written_is_there_and_new_only_once() -> None:
    row = Row()
    row.put(2, list("ab"), 5)
    assert (row.text(), row.is_dirty, row.changed) == ("  ab", True, 5)
    row.is_dirty = False
    row.put(2, list("ab"), 9)
    assert (row.is_dirty, row.changed) == (False, 5)


@pytest.mark.parametrize(
    ("column", "text", "at", "expected"),
    [
        (0, "new", 1, True),  # from its beginning
        (4, "new", 1, False),  # into the midst, while it is being written
        (4, "new", SETTLED, True),  # and when it has stood there
        (4, "two", SETTLED, False),  # the same
        (8, "new", SETTLED, False),  # behind it
    ],
)
def test_a_line_is_written_over(column: int, text: str, at: int, expected: bool) -> None:
    row = Row()
    row.put(0, list("one two"), 0)
    assert row.is_overwritten(column, list(text), at) is expected
    row.is_dirty = False
    assert not row.is_overwritten(column, list(text), at)


def test_progress_is_few_lines_and_what_is_new_is_one() -> None:
    row = Row()
    assert sum(row.may_be_told(f"loading {number}% {'#' * number}") for number in range(100)) == VERSIONS + 1
    assert row.may_be_told("unpacking")
    while row.may_be_told("unpacking 1"):
        pass
    row.changed = EVERY
    assert row.may_be_told("unpacking 1")
    assert not row.may_be_told("unpacking 1")
