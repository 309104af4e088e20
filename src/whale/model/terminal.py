"""The size of a terminal."""

from typing import NamedTuple

MAX_CELLS = 65535
"""Largest number of columns or rows: the kernel keeps each in 16 bits."""


class TerminalSize(NamedTuple):
    """Columns and rows, always in this order and always given by keyword."""

    cols: int
    rows: int

    @property
    def is_valid(self) -> bool:
        """True when both numbers fit what a kernel can hold and neither is zero."""
        return 0 < self.cols <= MAX_CELLS and 0 < self.rows <= MAX_CELLS
