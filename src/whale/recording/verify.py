"""Whether a recording is as it was written: all of it there, in order, and nothing changed."""

from pathlib import Path

from whale.model.errors import RecordingError
from whale.recording.chunk import ChunkReader, chunk_files, hash_file


def verify(directory: Path, *, id: str, head: str | None) -> list[str]:
    """Say what is wrong; nothing when all is well. Takes no key.

    `head` is the hash of its last file, from the audit trail; None while it is still made, or where nobody knows.
    """
    try:
        files = chunk_files(directory)
    except RecordingError as error:
        return [error.message]
    found = []
    previous, start = "", 0
    for number, path in enumerate(files):
        try:
            chunk = ChunkReader(path)
            if (chunk.head.recording, chunk.head.number) != (id, number):
                found.append(f"{path.name} is not its part number {number}")
            if chunk.head.previous != previous:
                found.append(f"{path.name} does not follow what is before it")
            if chunk.head.start < start:
                found.append(f"{path.name} begins before what is before it")
            start = chunk.head.start
            is_open = head is None and number == len(files) - 1
            if chunk.end() != path.stat().st_size and not is_open:
                found.append(f"{path.name} is not whole")
            previous = hash_file(path)
        except (RecordingError, OSError) as error:
            found.append(f"{path.name} can't be read: {getattr(error, 'message', 'the system refuses')}")
    if head is not None and previous != head:
        found.append("the last part is not the one that the audit trail has the hash of")
    return found
