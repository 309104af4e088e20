"""Chunks and lines of a directory."""

import os
from pathlib import Path

import pytest

from tests.recording_events import header, output
from whale.model.errors import RecordingError
from whale.recording.chunk import LINES, Note, chunk_files, encode_record, is_begun
from whale.recording.codec import Sealer
from whale.recording.contents import Contents
from whale.recording.event import KeyFrame
from whale.recording.header import encode_header
from whale.recording.stored import PartElsewhere, StoredParts, make_manifest, write_manifest
from whale.recording.writer import RecordingWriter

KEY = KeyFrame(0, 80, 24, b"picture")


@pytest.fixture
def contents(writer: RecordingWriter, directory: Path) -> Contents:
    """Four chunks of ten seconds, of which the third begins without a picture."""
    for number in range(4):
        writer.write(
            [output(at, b"at %d\r\n" % at) for at in range(number * 10_000, number * 10_000 + 10_000, 1000)], {}
        )
        if number < 3:
            writer.begin_chunk(None if number == 1 else KEY)
    writer.finish()
    return Contents(directory)


def test_lines_come_one_by_one(contents: Contents) -> None:
    lines = list(contents.lines(contents.chunk(0)))
    assert lines[0] == encode_header(header())
    assert lines[1:3] == [b'[0.000, "o", "at 0\\r\\n"]\n', b'[1.000, "o", "at 1000\\r\\n"]\n']
    assert len(lines) == 11


@pytest.mark.parametrize(
    ("at", "chunk", "begin"), [(0, 0, 0), (8999, 0, 0), (9000, 1, 1), (19_000, 2, 1), (29_000, 3, 3), (10**9, 3, 3)]
)
def test_a_moment_is_found(contents: Contents, at: int, chunk: int, begin: int) -> None:
    assert contents.find(at) == chunk
    number, frame = contents.frame(at)
    assert number == begin
    assert frame == (KEY._replace(at=begin * 10_000 - 1000) if begin else None)


def test_a_last_file_without_its_head_is_none(contents: Contents, directory: Path) -> None:
    path = contents.path(3)
    path.write_bytes(path.read_bytes()[:20])
    assert (contents.count(), contents.find(10**9), is_begun(path), is_begun(contents.path(2))) == (3, 2, False, True)


def test_what_is_no_file_is_no_crash(contents: Contents) -> None:
    contents.path(3).unlink()
    os.mkfifo(contents.path(3))
    with pytest.raises(RecordingError):
        contents.count()


def test_many_lines_in_a_small_record_do_not_take_much_memory(writer: RecordingWriter, directory: Path) -> None:
    writer.close()
    with chunk_files(directory)[0].open("ab") as file:
        file.write(encode_record(LINES, Note(1), Sealer().seal(b"\n" * 30_000_000)))
    contents = Contents(directory)
    lines = contents.lines(contents.chunk(0))
    next(lines)
    import tracemalloc

    tracemalloc.start()
    try:
        assert next(lines) == next(lines) == b"\n"
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RecordingError) as failed:
            Contents(path).count()
        assert failed.value.code == "recording.not_found"


def test_what_is_elsewhere_is_known_without_it(contents: Contents, directory: Path) -> None:
    write_manifest(directory, make_manifest(directory))
    for path in chunk_files(directory):
        path.unlink()
    elsewhere = Contents(directory, stored=StoredParts(directory, None))
    assert (elsewhere.count(), elsewhere.find(19_000)) == (4, 2)
    assert [elsewhere.has(number) for number in range(5)] == [True, True, True, True, False]
    with pytest.raises(PartElsewhere):
        elsewhere.chunk(1)
    assert not Contents(directory).has(0)
