"""Searches a recording where it is read: as the server does those that it can read. Pure."""

from collections.abc import Iterable, Iterator

from whale.client.cast import CastEvent, CastReader
from whale.client.recordings import FoundHit
from whale.recording.search_query import SearchQuery, excerpt
from whale.recording.text import RecordingText, SpokenLine


def find_in_lines(query: SearchQuery, lines: Iterable[bytes]) -> Iterator[FoundHit]:
    """Yield what is found in the lines of a recording, from its beginning on. Raises `ProtocolError`."""
    for at, kind, text in text_of(lines):
        place = query.find(text)
        if place is not None:
            yield FoundHit(at, kind.value, excerpt(text, place))


def text_of(lines: Iterable[bytes], *, is_copy: bool = False) -> Iterator[SpokenLine]:
    """Yield the lines of text of a recording; `is_copy`: see `RecordingText`. Raises `ProtocolError`."""
    reader = CastReader()
    text: RecordingText | None = None
    for event in _events(reader, lines):
        text = text or _begun(reader, is_copy=is_copy)
        yield from text.feed(event.at, event.code, event.data)
    if text is not None:
        yield from text.finish()


def _events(reader: CastReader, lines: Iterable[bytes]) -> Iterator[CastEvent]:
    for line in lines:
        yield from reader.feed(line)
    yield from reader.finish()


def _begun(reader: CastReader, *, is_copy: bool) -> RecordingText:
    cols, rows = reader.size
    about = (reader.header or {}).get("whale")
    is_terminal = not isinstance(about, dict) or about.get("tty") is not False
    return RecordingText(cols=cols, rows=rows, is_terminal=is_terminal, is_copy=is_copy)
