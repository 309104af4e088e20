"""Input that goes to the command when it is in the recording, and not before: nobody can act unrecorded by a kill -9.

What the journal has room for need not wait, since that outlives a server. Nothing of the rest is acknowledged to its
client meanwhile, so there is never more of it than the client's window.
"""

from collections import deque
from collections.abc import Mapping

from whale.session.journal import Entry

_POSITION = "input."


class RecordedInput:
    """One session's: `add` what comes, and `take` what has been written. Offsets are those of a writer's input."""

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()
        self._recorded: dict[int, int] = {}
        """Of each writer, offset behind what the recording has, or is about to have."""

    @property
    def waiting(self) -> int:
        """How many pieces wait. What comes later has to wait behind them."""
        return len(self._waiting)

    @property
    def position(self) -> dict[str, int]:
        """For `resume`, when all that was added is in the recording's file."""
        return {f"{_POSITION}{source}": offset for source, offset in self._recorded.items()}

    def resume(self, position: Mapping[str, int]) -> None:
        """Go on where an earlier server was. What it recorded, and the command never got, comes once more."""
        for name, offset in position.items():
            if name.startswith(_POSITION):
                self._recorded[int(name.removeprefix(_POSITION))] = offset

    def begin(self, source: int) -> None:
        """Note that a writer's place is somebody else's now."""
        self._recorded.pop(source, None)

    def unrecorded(self, source: int, size: int, offset: int) -> int:
        """Return how many of the last bytes before an offset are not in the recording."""
        return min(size, max(0, offset - self._recorded.get(source, 0)))

    def add(self, entry: Entry) -> Entry:
        """Have a piece wait; return what of it is to be recorded."""
        size = self.unrecorded(entry.source, len(entry.data), entry.offset)
        self._waiting.append(entry)
        self._recorded[entry.source] = max(entry.offset, self._recorded.get(entry.source, 0))
        return entry._replace(data=entry.data[len(entry.data) - size :])

    def take(self, count: int) -> list[Entry]:
        """Return so many pieces, the oldest: they are in the file."""
        return [self._waiting.popleft() for _ in range(count)]
