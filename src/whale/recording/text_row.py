"""One row of a terminal as text: what stands in it, since when, and which of it was told already. Pure."""

import re
import unicodedata
from typing import Final

SETTLED: Final = 300
"""Milliseconds that a row has to stand before what is written into the midst of it makes another line of it."""

VERSIONS: Final = 8
"""Lines of one row that differ in numbers and bars alone and are told one after the other, as of a page; see EVERY."""

EVERY: Final = 10_000
"""Milliseconds after which one more of them is: progress, and whatever counts, does not become thousands of lines."""

_COUNTS: Final = re.compile(r"[0-9]+|[#=*.>\-█▉▊▋▌▍▎▏▒░━╸|/\\⠁-⣿ ]+")


class Row:
    """A row. Cells are texts of one character, which may have marks; the second of a wide one is empty."""

    __slots__ = ("_replenished", "_shape", "_versions", "cells", "changed", "is_dirty", "is_more", "prefix", "was_left")

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.changed = 0
        """Milliseconds when something was written to it last."""
        self.is_dirty = False
        """Whether it shows what was not told."""
        self.is_more = False
        """Whether it goes on with the row above, which was full."""
        self.was_left = False
        """Whether a line of it was told because the cursor left it."""
        self.prefix = ""
        """What of its line has left the screen above it."""
        self._shape = ""
        self._versions = VERSIONS
        self._replenished = 0

    def put(self, column: int, cells: list[str], at: int) -> None:
        """Write cells at a column."""
        gap = column - len(self.cells)
        if gap > 0:
            self.cells += [" "] * gap
        end = column + len(cells)
        if self.cells[column:end] == cells:
            return
        self.cells[column:end] = cells
        self.changed, self.is_dirty = at, True

    def is_overwritten(self, column: int, cells: list[str], at: int, *, begun: int | None = None) -> bool:
        """Tell whether writing these cells takes away a line that has stood there.

        `begun` is where the text begins that they are a piece of.
        """
        if not self.is_dirty or column >= len(self.cells):
            return False
        before = self.cells[: column if begun is None else begun]
        if at - self.changed < SETTLED and any(cell != " " for cell in before):
            return False
        old = self.cells[column : column + len(cells)]
        return old != cells[: len(old)] and any(cell not in ("", " ") for cell in old)

    def text(self) -> str:
        """What stands in it."""
        return "".join(self.cells)

    def may_be_told(self, text: str) -> bool:
        """Tell whether a version of it that is written over is a line of its own, and count it."""
        shape = _COUNTS.sub("0", text)
        if shape != self._shape:
            self._shape, self._versions, self._replenished = shape, VERSIONS, self.changed
            return True
        if self.changed - self._replenished >= EVERY:
            self._replenished, self._versions = self.changed, min(VERSIONS, self._versions + 1)
        if not self._versions:
            return False
        self._versions -= 1
        return True


def cells_of(text: str) -> list[str]:
    """Text as cells: marks go to the character before them, and a wide character has two."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for char in text:
        if unicodedata.combining(char) or char in "\u200b\u200c\u200d\ufe0e\ufe0f":
            if cells and len(cells[-1]) < _MARKS:
                cells[-1] += char
            continue
        cells.append(char)
        if unicodedata.east_asian_width(char) in "WF":
            cells.append("")
    return cells


_MARKS: Final = 8
"""Characters in a cell."""
