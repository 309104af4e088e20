"""The size of a terminal."""

import pytest

from whale.model.terminal import MAX_CELLS, TerminalSize


@pytest.mark.parametrize(
    ("cols", "rows", "valid"),
    [
        (80, 24, True),
        (1, 1, True),
        (MAX_CELLS, MAX_CELLS, True),
        (0, 24, False),
        (80, 0, False),
        (-1, 24, False),
        (MAX_CELLS + 1, 24, False),
        (80, MAX_CELLS + 1, False),
    ],
)
def test_a_size_fits_a_kernel_or_not(cols: int, rows: int, valid: bool) -> None:
    assert TerminalSize(cols=cols, rows=rows).is_valid is valid


def test_columns_come_first() -> None:
    assert tuple(TerminalSize(cols=80, rows=24)) == (80, 24)
