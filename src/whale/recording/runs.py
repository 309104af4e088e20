"""Output as runs of visible text, and what is between them."""

from collections.abc import Iterator
from enum import Enum

from whale.recording.visible import BREAKS, SEQUENCE, STRING_END, STRINGS, UNFINISHED, longest_tail


class End(Enum):
    """What ends a run."""

    LINE = "line"
    OTHER = "other"
    """A control sequence: colours, another place, a backspace."""


class Runs:
    """Output of one terminal, in pieces of any size."""

    def __init__(self) -> None:
        self._left = b""
        self._is_in_string = False

    def skip(self) -> None:
        """Begin anew: output was passed over."""
        self._left = b""
        self._is_in_string = False

    def feed(self, data: bytes) -> Iterator[bytes | End]:
        """Yield text, and ends of runs. A sequence that is not complete waits for the next piece."""
        data = self._left + data
        unfinished = UNFINISHED.search(data, longest_tail(data))
        end = unfinished.start() if unfinished is not None else len(data)
        self._left = data[end:]
        at = 0
        while at < end:
            if self._is_in_string:
                found = STRING_END.search(data, at, end)
                self._is_in_string = found is None
                at = end if found is None else found.start() if data[found.start()] == 0x1B else found.end()
                continue
            found = SEQUENCE.search(data, at, end)
            start = end if found is None else found.start()
            if start > at:
                yield data[at:start]
            if found is None:
                return
            at = found.end()
            self._is_in_string = found.lastgroup in STRINGS
            for _ in range(data.count(b"\n", start, at) if found.lastgroup in BREAKS else 0):
                yield End.LINE
            yield End.OTHER
