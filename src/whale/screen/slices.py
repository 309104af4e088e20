"""How much is fed to the emulator before it is looked at what that has cost.

In the library nothing can be interrupted, so no slice may cost much. What costs is not text but sequences, of which
each may fill or move the whole screen, and the ends of lines, which move it by a row. So slices are bounded by these,
and text without them, which is nearly all of what comes in floods, is fed in large ones: looking at the processor's
time for each KiB of it costs more than to emulate it.
"""

from collections.abc import Iterator
from typing import Final

LARGEST: Final = 64 * 1024
LEAST: Final = 1024

_RARE: Final = ((b"\x1b", 8), (b"\x0b", 1), (b"\x0c", 1))
"""What else there is, and how many ends of lines it counts for: the costliest sequence has eight bytes."""

_MOST: Final = LEAST
"""What a slice may hold that is more than text: as much as a least one of nothing else."""


class Slicer:
    """Cuts the output of one terminal."""

    __slots__ = ("_size",)

    def __init__(self) -> None:
        self._size = LEAST

    def slices(self, data: bytes) -> Iterator[bytes]:
        """Yield the output in slices, each as large as it may be, and sizes change by the double or half."""
        start = 0
        while start < len(data):
            piece = data[start : start + self._size]
            while len(piece) > LEAST and _cost(piece) > _MOST:
                self._size = max(LEAST, self._size // 2)
                piece = piece[: self._size]
            yield piece
            start += len(piece)
            self._size = min(2 * self._size, LARGEST)


def _cost(piece: bytes) -> int:
    cost = piece.count(b"\n")
    for needle, each in _RARE:
        if needle in piece:  # which is found out twenty times faster than how many there are
            cost += each * piece.count(needle)
    return cost
