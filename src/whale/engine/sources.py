"""Counts input by who wrote it, for ways to a command that tell no more than how many bytes have not left yet. Pure."""

from whale.engine.seam import SOURCES


class Sources:
    """One exec's input. It leaves in the order in which it was accepted."""

    __slots__ = ("_accepted", "_delivered", "_left", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int]] = []
        """Source and size of what has not left; neighbours of one source are one."""
        self._accepted = 0
        self._left = 0
        self._delivered = [0] * SOURCES

    def accept(self, source: int, size: int) -> None:
        """Count bytes that were taken."""
        self._accepted += size
        if self._waiting and self._waiting[-1][0] == source:
            size += self._waiting.pop()[1]
        self._waiting.append((source, size))

    def settle(self, *, pending: int) -> None:
        """Be told that all but the last `pending` bytes have left."""
        gone = self._accepted - pending - self._left
        while gone > 0:
            source, size = self._waiting[0]
            part = min(size, gone)
            self._delivered[source] += part
            self._left += part
            gone -= part
            if part < size:
                self._waiting[0] = (source, size - part)
            else:
                del self._waiting[0]

    def delivered(self, source: int) -> int:
        """How many bytes of that source have left."""
        return self._delivered[source]
