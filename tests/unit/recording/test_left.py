"""What is found of a recording whose server was killed."""

from pathlib import Path

import pytest

from tests.recording_events import ID, output
from whale.model.errors import RecordingError
from whale.recording.chunk import HEAD, MAGIC, End, Head, chunk_files, encode_record
from whale.recording.left import look_at_left
from whale.recording.writer import RecordingWriter


def test_what_is_whole_is_found(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(5, b"first")], {"stdout": 5})
    first = writer.begin_chunk()
    writer.write([output(7, b"second")], {"stdout": 11})
    whole = chunk_files(directory)[1].stat().st_size
    writer.write([output(8, b"torn")], {"stdout": 15})
    writer.close()
    with chunk_files(directory)[1].open("r+b") as file:
        file.truncate(chunk_files(directory)[1].stat().st_size - 1)
    left = look_at_left(directory)
    assert (left.path, left.stored, left.raw) == (chunk_files(directory)[1], first.size, 5)
    assert (left.head.recording, left.head.number, left.head.previous, left.head.start) == (ID, 1, first.sha256, 5)
    assert left.head.position == {"stdout": 5}
    assert [(note.at, note.raw, note.position) for note in left.notes] == [(7, 6, {"stdout": 11})]
    assert (left.ending.size, left.ending.end) == (whole, None)


def test_a_last_file_without_its_head_is_none(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(5, b"first")], {"stdout": 5})
    writer.begin_chunk()
    writer.close()
    first, second = chunk_files(directory)
    second.write_bytes(second.read_bytes()[:30])
    left = look_at_left(directory)
    assert (left.path, left.ending.end) == (first, End(5))
    assert chunk_files(directory) == [first]


@pytest.mark.parametrize("left", [None, b"whale", MAGIC + encode_record(HEAD, Head(ID, 0, 0))])
def test_where_nothing_is_left_that_is_said(directory: Path, left: bytes | None) -> None:
    directory.mkdir()
    if left is not None:
        (directory / "000000.chunk").write_bytes(left)
    with pytest.raises(RecordingError) as failed:
        look_at_left(directory)
    assert failed.value.code == "recording.damaged"
