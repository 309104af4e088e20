import os
import shutil
from pathlib import Path

import pyrage
import pytest

from tests.recording_events import header, output, some_events
from whale.model.errors import RecordingError
from whale.recording.chunk import chunk_files
from whale.recording.event import Code, KeyFrame, RecordedEvent, StreamSum
from whale.recording.reader import RecordingReader
from whale.recording.verify import verify
from whale.recording.writer import MANY, RecordingWriter

FRAME = KeyFrame(0, 80, 24, b"\x1b[2Jpicture")


def _all(directory: Path) -> list[RecordedEvent]:
    return list(RecordingReader(directory).events())


def test_what_was_written_can_be_read_at_once(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(5, b"hello")], {"stdout": 5})
    assert _all(directory) == [output(5, b"hello")]
    assert (writer.at, writer.raw, writer.size_in_chunk, writer.position) == (5, 5, 5, {"stdout": 5})
    assert RecordingReader(directory).header() == header()


def test_nobody_else_can_read_it(writer: RecordingWriter, directory: Path) -> None:
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_recording_is_not_written_over(writer: RecordingWriter, directory: Path) -> None:
    with pytest.raises(RecordingError):
        RecordingWriter.create(directory, header())


def test_small_records_become_one_when_the_chunk_is_closed(writer: RecordingWriter, directory: Path) -> None:
    for number in range(MANY * 10):
        writer.write([output(number, b"ls -la\r\n")], {})
    (path,) = chunk_files(directory)
    before = path.stat().st_size
    closed = writer.begin_chunk(FRAME)
    assert closed.size == path.stat().st_size < before / 10
    assert len(_all(directory)) == MANY * 10
    writer.finish()
    assert not list(directory.glob("*.part"))


def test_chunks_follow_each_other(writer: RecordingWriter, directory: Path) -> None:
    events = some_events(1, 300)
    for start in range(0, 300, 100):
        writer.write(events[start : start + 100], {"stdout": start})
        closed = writer.begin_chunk(FRAME)
        assert closed.number == start // 100
    last = writer.finish([StreamSum("stdout", 0, 1, "00")])
    found = _all(directory)
    assert b"".join(e.data for e in found if e.code is Code.OUTPUT) == b"".join(
        e.data for e in events if e.code is Code.OUTPUT
    )
    assert found[-1].at == events[-1].at
    assert verify(directory, id=header().whale.id, head=last.sha256) == []
    assert writer.stored == sum(path.stat().st_size for path in chunk_files(directory))
    assert RecordingReader(directory).sums() == [StreamSum("stdout", 0, 1, "00")]


@pytest.mark.parametrize("chunks", [0, 1])
def test_a_server_goes_on_after_a_cut_at_any_byte(
    writer: RecordingWriter, directory: Path, tmp_path: Path, chunks: int
) -> None:
    for _ in range(chunks):
        writer.write([output(writer.at + 1, b"before")], {"stdout": -1})
        writer.begin_chunk(FRAME)
    for number in range(5):
        writer.write([output(writer.at + 100, b"line %d" % number)], {"stdout": number})
    path = chunk_files(directory)[-1]
    whole = path.read_bytes()
    writer.close()
    for size in range(whole.index(b'"stdout":0'), len(whole)):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(directory, copy)
        with (copy / path.name).open("r+b") as file:
            file.truncate(size)
        resumed = RecordingWriter.resume(copy)
        number = resumed.position.get("stdout", -1)
        for again in range(number + 1, 6):
            resumed.write([output(resumed.at + 100, b"line %d" % again)], {"stdout": again})
        closed = resumed.finish()
        lines = [event.data for event in _all(copy)]
        assert lines == [b"before"] * chunks + [b"line %d" % each for each in range(6)]
        assert verify(copy, id=header().whale.id, head=closed.sha256) == []
        assert resumed.stored == sum(each.stat().st_size for each in chunk_files(copy))


def test_what_is_encrypted_goes_on_without_the_key(directory: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    recipients = [str(key.to_public())]
    writer = RecordingWriter.create(directory, header(), recipients=recipients)
    for number in range(MANY + 1):
        writer.write([output(number, b"secret")], {"stdout": number})
    writer.close()
    resumed = RecordingWriter.resume(directory, recipients=recipients)
    resumed.write([output(resumed.at + 1, b"secret")], {"stdout": 9})
    resumed.begin_chunk(FRAME)
    resumed.finish()
    assert not any(b"secret" in path.read_bytes() for path in directory.iterdir())
    with pytest.raises(RecordingError):
        _all(directory)
    assert len(list(RecordingReader(directory, identities=[str(key)]).events())) == MANY + 2
    with pytest.raises(RecordingError):
        RecordingWriter.resume(directory)


def test_what_can_not_be_written_can_be_written_again(
    writer: RecordingWriter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write([output(1, b"first")], {"stdout": 5})
    real = os.pwrite

    def full(descriptor: int, data: bytes, at: int) -> int:
        if len(data) > 10:
            return real(descriptor, bytes(data)[:10], at)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(RecordingError) as failed:
            writer.write([output(2, b"second")], {"stdout": 11})
        assert failed.value.code == "recording.unavailable"
        assert "space" not in failed.value.message
    assert (_all(directory), writer.position, writer.at) == ([output(1, b"first")], {"stdout": 5}, 1)
    writer.write([output(2, b"second")], {"stdout": 11})
    writer.sync()
    assert _all(directory) == [output(1, b"first"), output(2, b"second")]


def test_an_empty_directory_can_not_be_gone_on_with(directory: Path) -> None:
    directory.mkdir()
    with pytest.raises(RecordingError):
        RecordingWriter.resume(directory)
