from pathlib import Path

import pytest

from tests.recording_events import header, output
from whale.model.errors import RecordingError
from whale.recording.chunk import LINES, Note, chunk_files, encode_record
from whale.recording.codec import Sealer
from whale.recording.event import KeyFrame, StreamSum
from whale.recording.reader import RecordingReader
from whale.recording.writer import RecordingWriter


@pytest.fixture
def reader(writer: RecordingWriter, directory: Path) -> RecordingReader:
    """Ten chunks of ten seconds."""
    for number in range(100):
        writer.write([output(number * 1000, b"at %d\r\n" % number)], {})
        if number % 10 == 9:
            writer.begin_chunk(KeyFrame(0, 80, 24, b"picture behind %d" % number))
    writer.finish()
    return RecordingReader(directory)


def test_all_lines_are_one_asciicast(reader: RecordingReader) -> None:
    lines = list(reader.lines())
    assert lines[0].startswith(b'{"version":3')
    assert lines[1] == b'[0.000, "o", "at 0\\r\\n"]\n'
    assert sum(line.startswith(b"[") for line in lines) == 100
    assert sum(line.startswith(b"#") for line in lines) == 10


@pytest.mark.parametrize("at", [0, 8999, 9000, 9001, 50_000, 89_000, 10**9])
def test_from_a_frame_on_there_is_all_that_follows(reader: RecordingReader, at: int) -> None:
    frame, events = reader.frame(at), list(reader.events(at))
    if frame is None:
        assert at < 9000
        assert events[0] == output(0, b"at 0\r\n")
        return
    assert frame.at <= at < frame.at + 10_000 or frame.at == 99_000
    assert frame.paint == b"picture behind %d" % (frame.at // 1000)
    assert [event.at for event in events] == [*range(frame.at + 1000, 100_000, 1000)]


def test_how_long_it_is(reader: RecordingReader) -> None:
    assert (reader.duration(), reader.is_encrypted) == (99_000, False)


def test_whether_it_is_finished(writer: RecordingWriter, directory: Path) -> None:
    for add in (lambda: writer.write([output(1, b"x")], {}), writer.begin_chunk):
        add()
        assert not RecordingReader(directory).is_finished
    last = RecordingReader(directory)
    (directory / "000001.chunk").rename(directory / "kept")
    assert not last.is_finished, "its first part is whole, and says that another one follows"
    (directory / "kept").rename(directory / "000001.chunk")
    writer.finish()
    assert last.is_finished


def test_events_begin_at_the_frame(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(1, b"old")], {})
    writer.begin_chunk(KeyFrame(0, 80, 24, b"picture"))
    writer.write([output(2, b"new")], {})
    writer.begin_chunk()
    writer.write([output(3, b"newer")], {})
    reader = RecordingReader(directory)
    assert reader.frame(3) == KeyFrame(1, 80, 24, b"picture")
    assert [event.data for event in reader.events(3)] == [b"new", b"newer"]


def test_half_a_line_is_damage(writer: RecordingWriter, directory: Path) -> None:
    (path,) = chunk_files(directory)
    with path.open("ab") as file:
        file.write(encode_record(LINES, Note(1), Sealer().seal(b'[0.1, "o", "x')))
    with pytest.raises(RecordingError) as failed:
        list(RecordingReader(directory).events())
    assert failed.value.code == "recording.damaged"


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RecordingError) as failed:
            RecordingReader(path).header()
        assert failed.value.code == "recording.not_found"


def test_the_header_and_what_went_through(writer: RecordingWriter, directory: Path) -> None:
    sums = [StreamSum("stdout", 0, 5, "ab" * 32)]
    writer.write([output(1, b"hello")], {"stdout": 5}, sums)
    reader = RecordingReader(directory)
    assert (reader.header(), reader.sums(), reader.is_finished) == (header(), sums, False)
    writer.finish(sums)
    assert (reader.sums(), reader.is_finished) == (sums, True)
