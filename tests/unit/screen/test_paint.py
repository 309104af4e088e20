import pytest

from whale.screen.cells import Cell, Look, Row
from whale.screen.paint import PLAIN, Painter, dress, has_sure_width

RED = Look(b"0;31")
BLANK = Cell("", 1, PLAIN)


def row(text: str, *, cols: int = 8, is_wrapped: bool = False, look: Look = PLAIN) -> Row:
    """A row; a space stands for what was never written."""
    cells = []
    for character in text:
        width = 2 if character >= "\u2e80" else 1
        cells += [BLANK] if character == " " else [Cell(character, width, look), Cell("", 0, look)][:width]
    return Row([*cells, *[BLANK] * (cols - len(cells))], is_wrapped)


def painted(*rows: Row) -> bytes:
    painter = Painter()
    painter.paint(rows)
    return bytes(painter.output)


def test_rows_are_placed_and_blank_ones_left_out() -> None:
    assert painted(row("one"), row(""), row("two")) == b"\x1b[1Hone\x1b[3Htwo"


def test_blanks_are_spaces_or_jumped_over() -> None:
    assert painted(row("a   b")) == b"\x1b[1Ha   b"
    assert painted(row("a      b")) == b"\x1b[1Ha\x1b[6Cb"
    assert painted(Row([Cell("a", 1, RED), BLANK, Cell("b", 1, RED)], False)) == b"\x1b[1H\x1b[0;31ma\x1b[1Cb\x1b[0m"


def test_erased_cells_with_a_colour_are_painted() -> None:
    coloured = Cell("", 1, Look(b"0;44"))
    assert painted(Row([BLANK, coloured, coloured, BLANK], False)) == b"\x1b[1H \x1b[0;44m  \x1b[0m"


def test_a_look_is_written_once() -> None:
    assert painted(row("ab", look=RED), row("c", look=RED)) == b"\x1b[1H\x1b[0;31mab\x1b[2Hc\x1b[0m"


def test_a_wrapped_line_is_written_on() -> None:
    assert painted(row("01234567", is_wrapped=True), row("89")) == b"\x1b[1H0123456789"
    wide = row("012345漢", is_wrapped=True)
    assert painted(wide, row("x")) == "\x1b[1H012345漢x".encode()


def test_a_line_that_could_not_wrap_there_is_not() -> None:
    assert painted(row("0123", is_wrapped=True), row("89")) == b"\x1b[1H0123\x1b[2H89"
    assert painted(row("01234567", is_wrapped=True), row(" 9")) == b"\x1b[1H01234567\x1b[2H 9"
    head = Row([*[BLANK] * 7, Cell("", 0, PLAIN)], True)
    assert painted(head, row("漢")) == "\x1b[2H漢".encode()


def test_after_a_doubtful_width_the_column_is_said() -> None:
    accent = Cell("e\u0301", 1, PLAIN)
    assert painted(Row([accent, Cell("x", 1, PLAIN), Cell("y", 1, PLAIN)], False)) == "\x1b[1He\u0301\x1b[2Gxy".encode()


@pytest.mark.parametrize(
    ("text", "width", "is_sure"),
    [
        *((text, 1, True) for text in ("a", "é", "─")),
        *((text, 2, True) for text in ("漢", " ")),
        *((text, 1, False) for text in ("☺", "e\u0301", "\ue0b0")),
        *((text, 2, False) for text in ("😀", "é")),
    ],
)
def test_widths(text: str, width: int, is_sure: bool) -> None:
    assert has_sure_width(Cell(text, width, PLAIN)) is is_sure


def test_a_wide_blank_takes_two_columns() -> None:
    assert painted(Row([Cell(" ", 2, PLAIN), Cell("", 0, PLAIN), Cell("x", 1, PLAIN)], False)) == b"\x1b[1H  x"


def test_protection_is_put_on_and_off() -> None:
    protected = Look(is_protected=True)
    assert dress(protected) == b'\x1b[1"q'
    assert dress(PLAIN, protected) == b'\x1b[0"q'
    assert dress(protected, protected) == b""
