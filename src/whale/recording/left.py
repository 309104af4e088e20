"""What a server that was killed has left of a recording, and what can be gone on with."""

from pathlib import Path
from typing import NamedTuple

from whale.model.errors import RecordingError
from whale.recording.chunk import ChunkReader, Ending, Head, Note, chunk_files, is_begun


class Left(NamedTuple):
    """What is left: what is whole of the last chunk, and sums of those before."""

    path: Path
    """The last file."""
    head: Head
    """Its head."""
    notes: list[Note]
    """Its records'."""
    ending: Ending
    stored: int
    """Bytes of the files before it."""
    raw: int
    """What was recorded in them."""


def look_at_left(directory: Path) -> Left:
    """Look at what is left, and delete a last file that has not even its head. Raises `RecordingError`, `OSError`."""
    files = chunk_files(directory)
    if len(files) > 1 and not is_begun(files[-1]):
        files.pop().unlink()
    if not files:
        raise _nothing()
    stored = raw = 0
    for path in files[:-1]:
        chunk = ChunkReader(path)
        stored += path.stat().st_size
        raw += sum(chunk.note(record).raw for record in chunk.records())
    last = ChunkReader(files[-1])
    notes = [last.note(record) for record in last.records()]
    if not (last.head.number or notes):
        raise _nothing()  # not even its header
    return Left(files[-1], last.head, notes, last.ending(), stored, raw)


def _nothing() -> RecordingError:
    return RecordingError("there is nothing left of the recording", code="recording.damaged")
