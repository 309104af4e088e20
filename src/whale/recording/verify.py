"""Whether a recording is as it was written: all of it there, in order, and nothing changed."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from whale.model.errors import RecordingError
from whale.model.recording_proof import RecordingProof
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
            found += _inside(chunk, is_last=number == len(files) - 1, is_closed=head is not None)
            start = chunk.head.start
            previous = hash_file(path)
        except (RecordingError, OSError) as error:
            found.append(f"{path.name} can't be read: {getattr(error, 'message', 'the system refuses')}")
    if head is not None and previous != head:
        found.append("the last part is not the one that the audit trail has the hash of")
    return found


def verify_proved(directory: Path, *, id: str, proof: RecordingProof, noted: str | None) -> list[str]:
    """Say what is wrong by what the audit trail says; nothing when all is well.

    `noted` is the hash in the list of recordings, where whoever can write the files may be able to write, too; None
    where that does not say that it is whole.
    """
    found = [f"the audit trail does not hold: {proof.problem}"] if proof.problem else []
    if not (proof.finished or proof.is_begun):
        found.append("the audit trail has nothing of it: its events were deleted for their age, or taken out")
    hashes = {sealed.hash for sealed in proof.finished}
    if len(hashes) > 1:
        numbers = ", ".join(str(sealed.seq) for sealed in proof.finished)
        found.append(f"the events {numbers} of the audit trail say different things of its last part")
    head = proof.finished[0] if proof.finished else None
    found += verify(directory, id=id, head=head.hash if head is not None else noted)
    if head is not None and noted is not None and noted != head.hash:
        found.append(f"the list of recordings has another hash of it than event {head.seq} of the audit trail")
    if head is None and noted is not None:
        found.append("the list of recordings says that it is whole, and the audit trail does not")
    return found + list(_not_sealed(directory, proof))


def _not_sealed(directory: Path, proof: RecordingProof) -> Iterator[str]:
    """What was whole once, as the trail says, and is other now, or not there."""
    with suppress(RecordingError):  # of which `verify` has spoken
        files = chunk_files(directory)
        for sealed in proof.finished:
            if sealed.chunks != len(files):
                yield f"there are {len(files)} parts, and event {sealed.seq} of the audit trail says {sealed.chunks}"
        for sealed in proof.anchored:
            path = files[sealed.chunks - 1] if 0 < sealed.chunks <= len(files) else None
            if path is None or hash_file(path) != sealed.hash:
                yield f"part {sealed.chunks - 1} is not the one that event {sealed.seq} of the audit trail knows"


def _inside(chunk: ChunkReader, *, is_last: bool, is_closed: bool) -> Iterator[str]:
    """Look at the records. Of the last file only what is whole counts, as long as it may be written to."""
    ending, name = chunk.ending(), chunk.path.name
    if ending.end is None:
        if is_closed or not is_last:
            yield f"{name} has no end: what is behind record {ending.records - 1} is missing, or damaged"
    elif ending.size != chunk.path.stat().st_size:
        yield f"{name} goes on behind its end"
    elif ending.end.is_last is not is_last and (is_closed or not is_last):
        yield f"{name} is not the last part, and says so" if is_last else f"{name} says that it is the last part"
    at = chunk.head.start
    for number, record in enumerate(chunk.records(), 1):
        now = chunk.note(record).at
        if now < at:
            yield f"record {number} of {name} ends before the one before it"
        at = now
