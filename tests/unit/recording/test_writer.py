import json
import os
import random
import shutil
from pathlib import Path

import msgspec
import pyrage
import pytest

from tests.recording_events import header, output, some_events
from whale.model.errors import RecordingError
from whale.recording import writer as module
from whale.recording.chunk import ChunkReader, chunk_files, hash_file
from whale.recording.disk import create_file
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


def test_small_records_become_few_when_the_chunk_is_closed(writer: RecordingWriter, directory: Path) -> None:
    for number in range(MANY * 200):
        writer.write([output(number, b"ls -la %d\r\n" % number)], {"stdout": number})
    (path,) = chunk_files(directory)
    before = path.stat().st_size
    closed = writer.begin_chunk(FRAME)
    assert closed.size == path.stat().st_size < before / 10
    assert len(_all(directory)) == MANY * 200
    chunk = ChunkReader(path)
    notes = [chunk.note(record) for record in chunk.records()]
    assert 3 <= len(notes) <= 6
    assert (notes[0].raw, notes[-1].at, notes[-1].position) == (0, MANY * 200 - 1, {"stdout": MANY * 200 - 1})
    writer.finish()
    assert not list(directory.glob("*.part"))


def test_what_comes_fast_is_not_written_twice(
    writer: RecordingWriter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW", 1000)
    for number in range(MANY * 4):
        if number == MANY * 2:
            writer.begin_chunk()
        writer.write([output(number * (9 if number < MANY * 2 else 11), b"0123456789")], {})
    writer.finish()
    fast, slow = (len(list(ChunkReader(path).records())) for path in chunk_files(directory))
    assert fast > MANY
    assert slow == 1


def test_noise_of_a_pipe_has_no_text_after_a_crash_too(directory: Path) -> None:
    about = msgspec.structs.replace(header().whale, tty=False)
    writer = RecordingWriter.create(directory, msgspec.structs.replace(header(), whale=about))
    noise = random.Random(1).randbytes(2000)
    writer.write([output(1, noise)], {})
    writer.close()
    writer = RecordingWriter.resume(directory)
    writer.write([output(2, noise)], {})
    writer.begin_chunk()
    writer.write([output(3, noise)], {})
    texts = [line for line in RecordingReader(directory).lines() if line.startswith(b"[")]
    assert [json.loads(text)[2] for text in texts] == ["", "", ""]
    assert [event.data for event in _all(directory)] == [noise] * 3


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
    resumed = RecordingWriter.resume(directory)  # which needs no settings for it
    assert resumed.is_encrypted
    resumed.write([output(resumed.at + 1, b"secret")], {"stdout": 9})
    resumed.begin_chunk(FRAME)
    resumed.finish()
    assert not any(b"secret" in path.read_bytes() for path in directory.iterdir())
    with pytest.raises(RecordingError):
        _all(directory)
    assert len(list(RecordingReader(directory, identities=[str(key)]).events())) == MANY + 2


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


def test_where_it_is_known_also_when_nothing_was_written_since(writer: RecordingWriter, directory: Path) -> None:
    sums = [StreamSum("stdout", 0, 5, "ab")]
    writer.write([output(5, b"hello")], {"stdout": 5}, sums)
    writer.begin_chunk()
    writer.close()
    resumed = RecordingWriter.resume(directory)
    assert (resumed.position, resumed.sums, resumed.at, resumed.number) == ({"stdout": 5}, tuple(sums), 5, 1)


def test_what_has_no_lines_is_read_as_none(writer: RecordingWriter, directory: Path) -> None:
    for number in range(MANY + 1):
        writer.write([], {"stdout": number})
    assert _all(directory) == []
    writer.begin_chunk()
    assert (_all(directory), writer.position) == ([], {"stdout": MANY})


def test_a_part_that_has_its_end_is_not_added_to(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(5, b"hello")], {"stdout": 5})
    closed = writer.begin_chunk()
    writer.close()
    chunk_files(directory)[1].unlink()
    resumed = RecordingWriter.resume(directory)
    assert (resumed.number, resumed.position, resumed.stored) == (1, {"stdout": 5}, closed.size)
    assert hash_file(chunk_files(directory)[0]) == closed.sha256
    last = resumed.finish()
    assert verify(directory, id=header().whale.id, head=last.sha256) == []


def test_who_can_not_go_on_keeps_nothing_open(
    writer: RecordingWriter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.begin_chunk()
    writer.close()
    chunk_files(directory)[1].unlink()

    def full(path: Path, data: bytes, *, is_synced: bool = False) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "create_file", full)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RecordingError):
        RecordingWriter.resume(directory)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_finished_stays_as_it_is(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(5, b"hello")], {"stdout": 5})
    closed = writer.finish()
    resumed = RecordingWriter.resume(directory)
    assert (resumed.is_finished, resumed.raw, resumed.stored, resumed.at) == (True, 5, closed.size, 5)
    assert writer.finish() == resumed.finish() == closed
    assert writer.stored == closed.size
    for change in (lambda: resumed.write([], {}), resumed.begin_chunk):
        with pytest.raises(RecordingError):
            change()


def test_a_next_part_that_has_no_room_leaves_all_as_it_was(
    writer: RecordingWriter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MANY + 1):
        writer.write([output(number, b"%d" % number)], {"stdout": number})
    real = create_file

    def full(path: Path, data: bytes, *, is_synced: bool = False) -> int:
        if path.name == "000001.chunk":
            raise OSError(28, "No space left on device")
        return real(path, data, is_synced=is_synced)

    with monkeypatch.context() as patch:
        patch.setattr(module, "create_file", full)
        with pytest.raises(RecordingError):
            writer.begin_chunk(FRAME)
    assert ChunkReader(directory / "000000.chunk").ending().end is None
    writer.write([output(50, b"more")], {"stdout": 50})
    closed = writer.begin_chunk(FRAME)
    assert (closed.number, writer.stored, len(_all(directory))) == (0, closed.size, MANY + 2)
    last = writer.finish()
    assert verify(directory, id=header().whale.id, head=last.sha256) == []


def test_many_servers_in_a_row_are_no_trouble(writer: RecordingWriter, directory: Path) -> None:
    sums = [StreamSum(name, number, number + 1, "ab" * 32) for number in range(100) for name in ("stdin", "stdout")]
    writer.write([output(5, b"hello")], {"stdout": 5}, sums)
    writer.close()
    assert RecordingWriter.resume(directory).sums == tuple(sums)
    with pytest.raises(RecordingError):
        RecordingWriter.resume(directory).write([], {}, sums * 10)


def test_names_are_on_the_disk_too(writer: RecordingWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(module, "sync_directory", synced.append)
    writer.sync()
    writer.sync()
    assert len(synced) == 1
    writer.begin_chunk()
    writer.sync()
    assert len(synced) == 3


def test_an_empty_directory_can_not_be_gone_on_with(directory: Path) -> None:
    directory.mkdir()
    with pytest.raises(RecordingError):
        RecordingWriter.resume(directory)
