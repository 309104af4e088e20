"""A log of bytes: a bounded window of one stream, by absolute offsets.

Every byte of a stream has a number, from 0. A session's output log holds those that a client may still need, and a
client's input log those that a server may not have. Neither is ever much larger than its window: a full output log
makes the session pause the exec, and a client sends no more than its credit.

It keeps the pieces as they came: a byte array of the window's size would be moved and grown for every piece, which
costs more than all else a piece needs. Small pieces are put together, so that a log of keystrokes costs what its
bytes cost.
"""

from bisect import bisect_right

SMALL = 4096
"""Pieces are put together up to this size."""


class ByteLog:
    """Bytes from `start` to `end`."""

    __slots__ = ("_offsets", "_pieces", "end", "start", "window")

    def __init__(self, *, window: int) -> None:
        self._pieces: list[bytes] = []
        self._offsets: list[int] = []
        """Of the first byte of each piece; the first piece may begin before `start`."""
        self.start = 0
        """Offset of the oldest byte still held."""
        self.end = 0
        """Offset behind the newest byte."""
        self.window = window

    @property
    def is_full(self) -> bool:
        """True when the exec has to wait."""
        return self.end - self.start >= self.window

    @property
    def has_room(self) -> bool:
        """True when a paused exec should go on: half the window, so that it is not paused for every piece."""
        return (self.end - self.start) * 2 <= self.window

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        pieces = self._pieces
        if pieces and len(pieces[-1]) + len(data) <= SMALL:
            pieces[-1] += data
        elif data:
            pieces.append(data)
            self._offsets.append(self.end)
        self.end += len(data)

    def read(self, *, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; empty at the end. The offset is one that is still held."""
        if offset < self.start:
            raise ValueError("these bytes have left the window")
        stop = min(offset + size, self.end)
        if offset >= stop:
            return b""
        pieces, offsets = self._pieces, self._offsets
        # Nearly always it is the last piece that somebody wants.
        number = len(offsets) - 1 if offset >= offsets[-1] else bisect_right(offsets, offset) - 1
        first = offsets[number]
        data = pieces[number][offset - first : stop - first]
        if first + len(pieces[number]) >= stop:
            return data
        last = bisect_right(offsets, stop - 1)
        parts = [data, *pieces[number + 1 : last]]
        parts[-1] = parts[-1][: stop - offsets[last - 1]]
        return b"".join(parts)

    def trim(self, *, offset: int) -> None:
        """Forget everything below an offset."""
        if not self.start <= offset <= self.end:
            raise ValueError("not an offset of this window")
        gone = len(self._offsets) if offset == self.end else bisect_right(self._offsets, offset) - 1
        if gone > 0:
            del self._pieces[:gone]
            del self._offsets[:gone]
        self.start = offset
