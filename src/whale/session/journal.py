"""When what happened in a session that is recorded: kept in its memory until the recorder has written it down.

The output itself lies in the logs; here is when it came, and how far. So it costs no copy, and both outlive a server
that is killed: the next one goes on with the recording at the very byte. Input, and whatever else happens, is here as
a whole.
"""

import struct
import time
from enum import IntEnum
from typing import Final, NamedTuple

from whale.model.limits import JOURNAL

_ENTRY: Final = struct.Struct("<BBxxIQQ")
"""Kind, source, size of the data, when in ms, offset."""
_HEAD: Final = 4 * 8
"""Start and end, when the recording began, and where the last entry is."""
_NOWHERE: Final = 2**64 - 1

SIZE: Final = _HEAD + JOURNAL
"""Of its part of the session's memory."""


class Kind(IntEnum):
    """What happened. The first two are the numbers of the output streams."""

    OUTPUT = 0
    ERROR_OUTPUT = 1
    INPUT = 2
    RESIZE = 3
    MARKER = 4


class Entry(NamedTuple):
    """Something that happened."""

    kind: Kind
    at: int
    """Milliseconds since the recording began."""
    offset: int = 0
    """Behind the last byte of the stream that it brought: of output, or of a source's input."""
    source: int = 0
    data: bytes = b""


class Journal:
    """Entries by absolute offsets in the journal. The memory is `SIZE` bytes, all zero for a new one."""

    __slots__ = ("_data", "_last", "_numbers")

    def __init__(self, memory: memoryview) -> None:
        self._numbers = memory[:_HEAD].cast("Q")
        self._data = memory[_HEAD:]
        self._last = _NOWHERE
        """Where an entry of output is that no other one follows."""

    def begin(self) -> None:
        """Begin a recording now, unless it has begun. The system's clock that is used outlives the server."""
        self._numbers[2] = self._numbers[2] or _now()

    @property
    def start(self) -> int:
        """Offset of the oldest entry."""
        return self._numbers[0]

    @property
    def end(self) -> int:
        """Offset behind the newest entry."""
        return self._numbers[1]

    @property
    def now(self) -> int:
        """Milliseconds since the recording began."""
        return _now() - self._numbers[2]

    @property
    def is_filling(self) -> bool:
        """True when it should be written down soon."""
        return (self.end - self.start) * 2 > JOURNAL

    def fits(self, size: int) -> bool:
        """True when so many bytes can be noted."""
        return self.end - self.start + _ENTRY.size + size <= JOURNAL

    def output(self, number: int, end: int) -> bool:
        """Note how far an output stream is now. Pieces of the same millisecond are one; False when there is no room."""
        at = _now() - self._numbers[2]
        if self._last != _NOWHERE and self._last >= self.start:
            kind, _, _, when, _ = _ENTRY.unpack(self._read(self._last, _ENTRY.size))
            if kind == number and when == at:
                self._write(self._last, _ENTRY.pack(kind, 0, 0, at, end))
                return True
        last = self.end
        if not self._append(_ENTRY.pack(number, 0, 0, at, end)):
            return False
        self._last = last
        return True

    def note(self, kind: Kind, data: bytes | memoryview, *, source: int = 0, offset: int = 0) -> bool:
        """Note something else; False when there is no room."""
        self._last = _NOWHERE
        return self._append(_ENTRY.pack(kind, source, len(data), self.now, offset) + data)

    def entries(self, offset: int) -> list[tuple[int, Entry]]:
        """Return the entries from an offset on, each with the offset behind it."""
        found = []
        at = max(offset, self.start)
        while at < self.end:
            kind, source, size, when, end = _ENTRY.unpack(self._read(at, _ENTRY.size))
            data = self._read(at + _ENTRY.size, size)
            at += _ENTRY.size + size
            found.append((at, Entry(Kind(kind), when, end, source, data)))
        return found

    def trim(self, offset: int) -> None:
        """Forget what is below an offset."""
        self._numbers[0] = max(self.start, offset)

    def _append(self, data: bytes) -> bool:
        end = self.end
        if end - self.start + len(data) > JOURNAL:
            return False
        self._write(end, data)
        self._numbers[1] = end + len(data)  # one store: from here on it counts
        return True

    def _write(self, offset: int, data: bytes) -> None:
        at = offset % JOURNAL
        room = JOURNAL - at
        self._data[at : at + len(data)] = data[:room]
        if len(data) > room:
            self._data[: len(data) - room] = data[room:]

    def _read(self, offset: int, size: int) -> bytes:
        at = offset % JOURNAL
        room = JOURNAL - at
        return b"".join((self._data[at : at + size], self._data[: max(0, size - room)]))


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
