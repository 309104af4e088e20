"""Rows of recordings for tests of what is done with them."""

from collections.abc import Iterator, Sequence

from whale.model.errors import RecordingError
from whale.model.ids import SessionId
from whale.model.recording import RecordMode
from whale.model.recordings import Recording, RecordingState, RecordingStatus, container_then
from whale.recording.index import Hit
from whale.recording.search_query import SearchQuery
from whale.recording.text import SpokenLine

STARTED = 1_800_000_000_000
FINISHED = RecordingState(RecordingStatus.FINISHED, STARTED + 61_500, 0, 61_500, 4_000, 900, 1, "f" * 64)


def recording(number: int = 1, *, name: str = "web", labels: dict[str, str] | None = None) -> Recording:
    """One of alice's. Its number says which id it has, and how many seconds later than the first one it began."""
    return Recording(
        id=SessionId(f"{number:032x}"),
        started=STARTED + number * 1000,
        principal="alice",
        container=container_then(
            id=f"id-{name}", name=name, image="nginx:1.27", engine="local", labels=labels or {"stage": "live"}
        ),
        command=("psql", "-c", "drop table ü"),
        reason="ticket 42",
        policies=("production", "staff"),
        tty=True,
        mode=RecordMode.ALL,
        state=FINISHED,
    )


class MemoryLines:
    """Lines that a test has put on a shelf, read as those of a file."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._place = 0
        self.is_closed = False
        self.readers = 0
        """Threads that are at it; never two."""

    def read(self, size: int) -> bytes:
        assert not self.is_closed
        self.readers += 1
        assert self.readers == 1
        piece = b""
        while self._place < len(self._lines) and len(piece) < size:
            piece += self._lines[self._place]
            self._place += 1
        self.readers -= 1
        return piece

    def close(self) -> None:
        self.is_closed = True


class MemorySearch:
    """A search in lists of lines: each recording is a candidate by itself."""

    def __init__(self, lines: dict[str, list[SpokenLine]], query: SearchQuery) -> None:
        self._query = query
        self._lines = lines
        self._left = list(lines)
        self.is_late = self.is_closed = False
        self.looked: list[str] = []

    def candidates(self, among: Sequence[str] | None = None) -> list[str]:
        while self._left:
            id = self._left.pop()
            if among is None or id in among:
                return [id]
        return []

    def hits(self, recording: str, *, limit: int) -> list[Hit]:
        self.looked.append(recording)
        lines = self._lines[recording]
        return [Hit(line.at, line.kind, line.text) for line in lines if self._query.find(line.text) is not None][:limit]

    def close(self) -> None:
        self.is_closed = True


class MemoryShelf:
    """A shelf whose recordings are lists of lines, to which a test may add."""

    def __init__(self) -> None:
        self.lines: dict[str, list[bytes]] = {}
        self.opened: list[MemoryLines] = []
        self.asked: list[tuple[str, int]] = []
        self.spoken: dict[str, list[SpokenLine]] = {}
        self.searches: list[MemorySearch] = []

    def open(self, id: str, *, from_ms: int) -> MemoryLines:
        self.asked.append((id, from_ms))
        self.opened.append(MemoryLines(self._found(id)))
        return self.opened[-1]

    def chunk(self, id: str, number: int, *, start: int = 0) -> Iterator[bytes]:
        yield self._found(id)[number][start:]

    def search(self, query: SearchQuery, *, deadline: float) -> MemorySearch:
        self.searches.append(MemorySearch(self.spoken, query))
        return self.searches[-1]

    def delete(self, id: str) -> None:
        self.lines.pop(id, None)

    def _found(self, id: str) -> list[bytes]:
        if id not in self.lines:
            raise RecordingError("the recording can't be read", code="recording.damaged")
        return self.lines[id]
