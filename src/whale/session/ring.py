"""The output log of a session: the newest bytes of one stream, by absolute offsets, in memory that may be shared.

Every byte of a stream has a number, from 0. The log is a ring in a fixed piece of memory, so that a later process which
has the memory and the two ends has the log.
"""


class RingLog:
    """Bytes from `start` to `end`. Raises nothing but `ValueError` for a caller's mistake."""

    __slots__ = ("_memory", "_note", "capacity", "end", "needed", "start", "window")

    def __init__(self, memory: memoryview, *, window: int, note: memoryview, end: int = 0) -> None:
        """`note`: one unsigned 64-bit number, which holds `start` for whoever comes after us."""
        self._memory = memory
        self._note = note
        self.capacity = len(memory)
        self.window = window
        self.start: int = note[0]
        """Offset of the oldest byte still held."""
        self.end = end
        """Offset behind the newest byte."""
        self.needed = self.start
        """Everything below it every controller has: what counts against the window."""

    @property
    def is_full(self) -> bool:
        """True when the exec has to wait."""
        return self.end - self.needed >= self.window

    @property
    def has_room(self) -> bool:
        """True when a paused exec should go on: half the window, so that it is not paused for every piece."""
        return (self.end - self.needed) * 2 <= self.window

    def fits(self, size: int) -> bool:
        """True when so many bytes can be added without trimming."""
        return self.end + size - self.start <= self.capacity

    def append(self, data: bytes) -> None:
        """Add bytes at the end; they must fit."""
        size = len(data)
        if self.end + size - self.start > self.capacity:
            raise ValueError("the log is full")
        at = self.end % self.capacity
        room = self.capacity - at
        if size <= room:
            self._memory[at : at + size] = data
        else:
            self._memory[at:] = data[:room]
            self._memory[: size - room] = data[room:]
        self.end += size

    def read(self, *, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; empty at the end. The offset is one that is still held."""
        if offset < self.start:
            raise ValueError("these bytes have left the window")
        size = min(size, self.end - offset)
        if size <= 0:
            return b""
        at = offset % self.capacity
        room = self.capacity - at
        if size <= room:
            return bytes(self._memory[at : at + size])
        return b"".join((self._memory[at:], self._memory[: size - room]))

    def trim(self, *, offset: int) -> None:
        """Forget everything below an offset."""
        if not self.start <= offset <= self.end:
            raise ValueError("not an offset of this window")
        self.start = self._note[0] = offset
        self.needed = max(self.needed, offset)
