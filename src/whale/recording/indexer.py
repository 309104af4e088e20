"""Reads recordings that are not encrypted, part by part, and puts their text into the index. Everything here blocks.

Only parts are read to which nothing is added any more, and each begins with the picture that the one before it left. So
each is read by itself, and a crash costs nothing but to read one again.
"""

from collections.abc import Iterator
from pathlib import Path

from whale.model.errors import RecordingError
from whale.recording.chunk import ChunkReader
from whale.recording.contents import Contents
from whale.recording.event import KeyFrame, RecordedEvent
from whale.recording.header import decode_header
from whale.recording.index import Indexed, IndexWriter
from whale.recording.lines import LineDecoder
from whale.recording.redacted_text import TextRedactor
from whale.recording.rules import Rules
from whale.recording.shard import Part
from whale.recording.stored import PartElsewhere, StoredParts
from whale.recording.text import RecordingText, SpokenLine, spoken_lines
from whale.recording.text_block import in_blocks


class Indexer:
    """One per index."""

    def __init__(self, recordings: Path, writer: IndexWriter, rules: Rules) -> None:
        self._recordings = recordings
        self._writer = writer
        self._redactor = TextRedactor(rules)

    def advance(self, id: str) -> bool:
        """Put the next part of a recording into the index; False when there is none yet.

        Raises `PartElsewhere` for one that has to be brought first, and `RecordingError`.
        """
        done = self._writer.known.get(id, Indexed())
        if done.is_finished:
            return False
        place = self._recordings / id
        if not place.exists():
            raise PartElsewhere(0)
        contents = Contents(place, stored=StoredParts(place, None))
        if done.parts >= contents.count():
            return False
        chunk = contents.chunk(done.parts)
        end = chunk.ending().end
        if end is None or chunk.head.is_encrypted:
            return False
        blocks = map(self._redactor.redact, in_blocks(part_text(contents, chunk)))
        self._writer.add(Part(id, done.parts, end.is_last), blocks)
        return True


def part_text(contents: Contents, chunk: ChunkReader) -> Iterator[SpokenLine]:
    """Yield the text of one part; up to where it is damaged."""
    header = decode_header(next(contents.lines(contents.chunk(0)), b""))
    is_terminal = chunk.head.is_terminal
    text = RecordingText(cols=header.term.cols, rows=header.term.rows, is_terminal=is_terminal)
    decoder = LineDecoder(at=chunk.head.start)
    yield from spoken_lines(text, _events(contents, chunk, decoder, text))


def _events(
    contents: Contents, chunk: ChunkReader, decoder: LineDecoder, text: RecordingText
) -> Iterator[RecordedEvent]:
    lines = (line for line in contents.lines(chunk) if not line.startswith(b"{"))
    begun: KeyFrame | None = None
    try:
        for event in decoder.decode(lines):
            if decoder.key is not None and begun is None:
                begun = decoder.key
                text.begin(begun.paint, begun.at, cols=begun.cols, rows=begun.rows)
            yield event
    except RecordingError:
        return  # what stands before is as it was written
