"""Reads a recording, whole or from some moment on, also one that is still made. Everything here blocks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from whale.recording.contents import Contents
from whale.recording.event import KeyFrame, RecordedEvent, StreamSum
from whale.recording.header import Header, decode_header
from whale.recording.lines import LineDecoder


class RecordingReader:
    """One recording. All methods raise `RecordingError` for one that is damaged, or can't be read here."""

    def __init__(self, directory: Path, *, identities: Sequence[str] = ()) -> None:
        """`identities` are secret keys of age."""
        self._contents = Contents(directory, identities)

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a key."""
        return self._contents.chunk(0).head.is_encrypted

    @property
    def is_finished(self) -> bool:
        """Whether nothing follows any more: false while it is made, and after a crash until a server has closed it."""
        end = self._contents.chunk(self._contents.count() - 1).ending().end
        return end is not None and end.is_last

    def header(self) -> Header:
        """Read the first line."""
        self._contents.count()
        return decode_header(next(self._contents.lines(self._contents.chunk(0)), b""))

    def duration(self) -> int:
        """Milliseconds up to its last event. Takes no key."""
        last = self._contents.chunk(self._contents.count() - 1)
        return max([last.head.start, *(last.note(record).at for record in last.records())])

    def lines(self) -> Iterator[bytes]:
        """Yield all lines of the asciicast, with their ends, the header first."""
        return self._from(0)

    def frame(self, at: int) -> KeyFrame | None:
        """Find the last key frame up to a moment in milliseconds; None for the beginning."""
        return self._contents.frame(at)[1]

    def events(self, at: int = 0) -> Iterator[RecordedEvent]:
        """Yield the events that follow the `frame` of a moment."""
        number = self._contents.frame(at)[0] if at else 0
        decoder = LineDecoder(at=self._contents.chunk(number).head.start)
        return decoder.decode(line for line in self._from(number) if not line.startswith(b"{"))

    def sums(self) -> list[StreamSum]:
        """Return what is known of the streams of a command without a terminal. Takes no key."""
        last = self._contents.chunk(self._contents.count() - 1)
        found = last.head.sums
        for record in last.records():
            found = last.note(record).sums
        return list(found)

    def _from(self, number: int) -> Iterator[bytes]:
        for each in range(number, self._contents.count()):
            yield from self._contents.lines(self._contents.chunk(each))
