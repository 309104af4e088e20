"""The output log: a bounded window of one stream, by absolute offsets.

Every byte a command writes has a number, from 0. The log holds those that somebody may still need; it never holds
more than its window and one read of the engine, because a full log makes the session pause the exec.
"""


class OutputLog:
    """Bytes from `start` to `end`. One `bytearray`: a log of single keystrokes costs what its bytes cost."""

    __slots__ = ("_buffer", "start", "window")

    def __init__(self, *, window: int) -> None:
        self._buffer = bytearray()
        self.start = 0
        """Offset of the oldest byte still held."""
        self.window = window

    @property
    def end(self) -> int:
        """Offset behind the newest byte."""
        return self.start + len(self._buffer)

    @property
    def is_full(self) -> bool:
        """True when the exec has to wait."""
        return len(self._buffer) >= self.window

    @property
    def has_room(self) -> bool:
        """True when a paused exec should go on: half the window, so that it is not paused for every piece."""
        return len(self._buffer) * 2 <= self.window

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._buffer += data

    def read(self, *, offset: int, size: int) -> bytes:
        """Copy up to `size` bytes from `offset` on; empty at the end. The offset is one that is still held."""
        begin = offset - self.start
        if begin < 0:
            raise ValueError("these bytes have left the window")
        return bytes(self._buffer[begin : begin + size])

    def trim(self, *, offset: int) -> None:
        """Forget everything below an offset."""
        if not self.start <= offset <= self.end:
            raise ValueError("not an offset of this window")
        del self._buffer[: offset - self.start]
        self.start = offset
