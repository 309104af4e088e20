"""Writes rows of cells as terminal output.

Each row is placed by itself, so that a terminal that counts a character's width otherwise is wrong in one row at
most. A row that was wrapped is written on into the next one, so that the terminal knows that they are one line.
"""

from collections.abc import Iterable
from typing import cast

from whale.screen.cells import Cell, Look, Row

PLAIN = Look()
BLANKS = ("", " ")
_FEW = 4
"""Blanks up to this many are written as spaces; more are jumped over."""


def dress(look: Look, before: Look = PLAIN) -> bytes:
    """Return what has characters look like `look`, after those that looked like `before`."""
    out = b""
    if look.sgr != before.sgr:
        out += b"\x1b[%bm" % look.sgr
    if look.is_protected != before.is_protected:
        out += b'\x1b[%d"q' % look.is_protected
    return out


class Painter:
    """Collects output. The screen is empty at the start, and nothing but the wrapping of lines is switched on."""

    def __init__(self) -> None:
        self.output = bytearray()
        self._look = PLAIN
        self._known: dict[int, tuple[Cell, bytes, bool]] = {}
        """What is written for a cell, by its identity: equal ones are mostly one object, and this is most of what a
        repaint of a large screen costs. It has the cell too, so that no other one gets its identity."""
        self._text: dict[int, bytes] = {}
        """Of these, what are plain characters."""

    def paint(self, rows: Iterable[Row]) -> None:
        """Paint all rows of a screen. Afterwards characters are plain again."""
        goes_on = False
        for y, row in enumerate(rows):
            if not (goes_on and _starts(row)):
                self._place(y, row)
            self._cells(row)
            goes_on = row.is_wrapped and _is_full(row)
        self.output += dress(PLAIN, self._look)
        self._look = PLAIN

    def cell(self, cell: Cell) -> None:
        """Write one cell."""
        self.output += dress(cell.look, self._look)
        self._look = cell.look
        self.output += _written(cell)

    def _place(self, y: int, row: Row) -> None:
        if any(cell.width and (cell.text or cell.look != PLAIN) for cell in row.cells):
            self.output += b"\x1b[%dH" % (y + 1)

    def _cells(self, row: Row) -> None:
        if self._look == PLAIN and self._is_text(row):
            return
        blanks, is_sure = 0, True
        for x, cell in enumerate(row.cells):
            _, data, is_next_sure = self._known.get(id(cell)) or self._learn(cell)
            if not data:
                blanks += bool(cell.width)
                continue
            if not is_sure:
                self.output += b"\x1b[%dG" % (x + 1)
            elif blanks:
                self._skip(blanks)
            if cell.look is not self._look:
                self.output += dress(cell.look, self._look)
                self._look = cell.look
            self.output += data
            blanks, is_sure = 0, is_next_sure

    def _is_text(self, row: Row) -> bool:
        """Write a row that is nothing but plain text from its first column on, as most are; tell whether it is one."""
        known = self._text
        text = [known.get(id(cell)) for cell in row.cells]
        if None in text:
            return False
        while text and not text[-1]:
            text.pop()
        if b"" in text:
            return False
        self.output += b"".join(cast(list[bytes], text))
        return True

    def _learn(self, cell: Cell) -> tuple[Cell, bytes, bool]:
        data, is_sure = _seen(cell)
        learnt = self._known[id(cell)] = cell, data, is_sure
        if cell.look == PLAIN and is_sure and cell.width == 1:
            self._text[id(cell)] = data
        return learnt

    def _skip(self, blanks: int) -> None:
        if blanks <= _FEW and self._look == PLAIN:
            self.output += b" " * blanks
        else:
            self.output += b"\x1b[%dC" % blanks


def _written(cell: Cell) -> bytes:
    # With some character sets the library keeps a blank for what is wide.
    return b" " * cell.width if cell.text in BLANKS else cell.text.encode()


def _seen(cell: Cell) -> tuple[bytes, bool]:
    """What is written for a cell, nothing for what need not be, and whether all terminals are as far after it."""
    if not cell.width or (not cell.text and cell.look == PLAIN):
        return b"", True
    return _written(cell), has_sure_width(cell)


def has_sure_width(cell: Cell) -> bool:
    """Tell whether all terminals give a cell's text the same width: no emoji, no symbols, nothing combined."""
    text = cell.text
    if len(text) > 1:
        return False
    if cell.width > 1:
        return "\u2e80" <= text < "\U00010000" or text in BLANKS
    return text < "\u2190" or "\u2500" <= text < "\u25a0"


def _starts(row: Row) -> bool:
    """Tell whether a row has something to write in its first column."""
    return bool(row.cells[0].text) or row.cells[0].look != PLAIN


def _is_full(row: Row) -> bool:
    """Tell whether writing a row leaves the cursor where the next character wraps: behind the last column, or before
    it when a wide one follows."""
    last = next((cell for cell in reversed(row.cells) if cell.width), row.cells[-1])
    return bool(last.text) or last.look != PLAIN
