"""Leaves out text that has scrolled off the screen by the end of what is fed: it shows nothing, and costs the most.

A flood is mostly lines of text, perhaps coloured. Of those all but the last ones leave nothing behind but the colour.
That holds while the whole screen scrolls, so that there must be no margins, and where nothing but text, line ends and
what acts within a line is in it.
"""

import re
from typing import Final

from whale.screen.emulator import Emulator
from whale.screen.state import MARGINS, read_region

LEAST: Final = 4096
"""Bytes below which it is not worth a look."""

_TEXT: Final = bytes({*range(0x20, 0x100)} - {0x7F}) + b"\t\r\n"

_ESCAPE: Final = b"\x1b"

_WITHIN_LINE: Final = re.compile(rb"\x1b\[(?:[0-9;:]*m|[0-2]?K)")
"""Sequences that change the colour, or erase some of the line."""


def scrolls_whole(emulator: Emulator) -> bool:
    """Tell whether the whole screen scrolls. Nothing that `without_scrolled` leaves out changes that."""
    size, _ = emulator.settled()
    return not emulator.mode(MARGINS) and read_region(emulator)[:4] == (0, 0, size.cols - 1, size.rows - 1)


def without_scrolled(data: bytes, rows: int) -> bytes:
    """Return what has the same effect on a terminal whose whole screen scrolls, and that is in the midst of nothing.

    Returns the very same object where nothing can be left out.
    """
    if len(data) < LEAST:
        return data
    # So many that whatever row the first is written to, and whatever is below, has left the screen.
    first, *lines = data.rsplit(b"\r\n", 2 * rows + 1)
    if len(lines) <= 2 * rows:
        return data
    more = data.translate(None, _TEXT)
    if more.strip(_ESCAPE) or not any(lines):
        return data
    if not more:
        return data[len(first) + 2 :]
    if len(_WITHIN_LINE.findall(data)) != len(more):
        return data
    colours = [sequence for sequence in _WITHIN_LINE.findall(first) if sequence.endswith(b"m")]
    return b"".join(colours) + data[len(first) + 2 :]
