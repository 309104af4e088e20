import pytest

from whale.recording.text_screen import MAX_COLS, MAX_LINE, MAX_ROWS, TextScreen


def told(screen: TextScreen) -> list[str]:
    screen.tell_all()
    lines, screen.lines = screen.lines, []
    return [line.text for line in lines]


def test_a_line_is_told_when_the_cursor_leaves_it() -> None:
    screen = TextScreen(20, 5)
    screen.at = 7
    screen.write("one")
    assert screen.lines == []
    screen.feed_line()
    assert screen.lines == [(7, "one")]
    screen.write("two")
    assert told(screen) == ["one", "two"]
    assert told(screen) == []


def test_whole_lines_scroll_by() -> None:
    screen = TextScreen(20, 3)
    screen.room = 10**6
    screen.write("$ ")
    screen.write_lines([f"line {number}" for number in range(50)] + ["", "x" * 2 * MAX_LINE])
    lines = told(screen)
    assert lines[:2] == ["$ line 0", "line 1"]
    assert lines[49:51] == ["line 49", "x" * MAX_LINE]
    assert (screen.is_plain, screen.row, screen.column, len(screen.rows)) == (True, 2, 0, 3)
    screen.write_lines(["z" * 2 * MAX_LINE] * 2 + ["few"])
    assert told(screen)[-1] == "few"


def test_a_screen_is_as_large_as_is_followed() -> None:
    screen = TextScreen(10**6, 10**6)
    screen.move(10**6, 10**6)
    assert (screen.cols, screen.height, screen.row, screen.column) == (MAX_COLS, MAX_ROWS, MAX_ROWS - 1, MAX_COLS - 1)
    assert (TextScreen(0, 0).cols, TextScreen(0, 0).height) == (1, 1)


def test_rows_scroll_within_their_margins() -> None:
    screen = TextScreen(20, 5)
    for row in range(5):
        screen.move(row, 0)
        screen.write(f"row {row}")
    screen.top, screen.bottom = 1, 3
    screen.move(3, 0)
    screen.feed_line(is_told=False)
    assert [row.text() for row in screen.rows] == ["row 0", "row 2", "row 3", "", "row 4"]
    screen.scroll(1, 3, -2)
    assert [row.text() for row in screen.rows] == ["row 0", "", "", "row 2", "row 4"]
    assert told(screen) == ["row 1", "row 3", "row 0", "row 2", "row 4"]


def test_cells_are_inserted_deleted_erased_and_repeated() -> None:
    screen = TextScreen(10, 2)
    screen.write("abcdef")
    screen.move(0, 2)
    screen.shift(3)
    assert screen.rows[0].text() == "ab   cdef"
    screen.shift(-4)
    assert screen.rows[0].text() == "abdef"
    screen.at = 1000
    screen.shift(-1)
    screen.erase(0, 1, 3)
    assert screen.rows[0].text() == "a  f"
    screen.move(0, 8)
    screen.shift(1)
    screen.write("z")
    screen.repeat(2)
    assert told(screen)[0] == "abdef"
    assert [row.text() for row in screen.rows] == ["a  f    zz", "z"]


def test_what_costs_too_much_is_passed_over() -> None:
    screen = TextScreen(10, 300)
    screen.write("kept")
    screen.effort = 10
    screen.scroll(0, 299, 200)
    assert told(screen) == ["kept"]
    screen.room = -1
    screen.move(5, 0)
    screen.write("unseen")
    assert told(screen) == []


def test_the_other_screen_is_another_one() -> None:
    screen = TextScreen(20, 5)
    screen.write("shell")
    screen.switch(is_alternate=True)
    screen.write("editor")
    screen.switch(is_alternate=True)
    assert screen.is_alternate
    screen.switch(is_alternate=False)
    assert (screen.row, screen.column) == (0, 5)
    assert told(screen) == ["shell", "editor"]


def test_what_is_known_is_not_told() -> None:
    screen = TextScreen(20, 5)
    screen.write("known")
    screen.forget()
    assert told(screen) == []


@pytest.mark.parametrize("rows", [2, 10])
def test_a_folded_line_is_one(rows: int) -> None:
    screen = TextScreen(5, rows)
    screen.write("0123456789abcdef")
    screen.feed_line()
    screen.column = 0
    screen.write("next")
    assert told(screen) == ["0123456789abcdef", "next"]
    screen.resize(5, 1)
    assert len(screen.rows) == 1


def test_a_line_that_is_written_over_is_told_before() -> None:
    screen = TextScreen(20, 5)
    screen.write("old line")
    screen.column = 0
    screen.write("new")
    assert told(screen) == ["old line", "new line"]
    screen.clear(0)
    screen.clear(9)
    assert screen.rows[0].text() == ""
