import os
from collections.abc import Callable
from pathlib import Path

import pytest

from whale.model.errors import RecordingError
from whale.recording import chunk as module
from whale.recording.chunk import (
    END,
    HEAD,
    LINES,
    MAGIC,
    MORE,
    ChunkReader,
    End,
    Ending,
    Head,
    Note,
    chunk_files,
    encode_record,
    file_name,
    hash_file,
    open_file,
)

HEAD_RECORD = encode_record(HEAD, Head("id", 0, 0))
LINES_RECORD = encode_record(LINES, Note(5, 3, {"stdout": 3}), b"body")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / file_name(0)
    path.write_bytes(MAGIC + HEAD_RECORD + LINES_RECORD * 2)
    return path


def test_records_are_read_in_order(path: Path) -> None:
    chunk = ChunkReader(path)
    first, second = chunk.records()
    assert chunk.head == Head("id", 0, 0)
    assert (first.body, chunk.note(first)) == (b"body", Note(5, 3, {"stdout": 3}))
    assert chunk.ending() == Ending(second.end, 3, None)
    assert second.end == path.stat().st_size


def test_a_cut_leaves_the_records_before_it(path: Path) -> None:
    whole = path.read_bytes()
    least = len(MAGIC + HEAD_RECORD)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size < least:
            with pytest.raises(RecordingError):
                ChunkReader(path)
            continue
        count = (size - least) // len(LINES_RECORD)
        assert len(list(ChunkReader(path).records())) == count
        assert ChunkReader(path).ending() == Ending(least + count * len(LINES_RECORD), count + 1, None)


def test_a_changed_byte_ends_what_is_read(path: Path) -> None:
    whole = path.read_bytes()
    at = len(MAGIC + HEAD_RECORD) + len(LINES_RECORD) + 20
    path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
    assert len(list(ChunkReader(path).records())) == 1


def test_lengths_that_are_too_large_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 3)
    assert list(ChunkReader(path).records()) == []


def test_behind_its_end_nothing_counts(path: Path) -> None:
    whole, end = path.read_bytes(), encode_record(END, End(5, is_last=True))
    path.write_bytes(whole + end + LINES_RECORD)
    chunk = ChunkReader(path)
    assert chunk.ending() == Ending(len(whole + end), 4, End(5, is_last=True))
    assert len(list(chunk.records())) == 2


def test_lines_may_go_on_from_a_record_to_the_next(path: Path) -> None:
    path.write_bytes(MAGIC + HEAD_RECORD + LINES_RECORD + encode_record(MORE, Note(6)) + encode_record(9, Note(7)))
    assert [record.kind for record in ChunkReader(path).records()] == [LINES, MORE]


def test_a_record_that_nobody_would_read_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecordingError):
        encode_record(LINES, Note(1, position={"x" * 70_000: 1}))
    monkeypatch.setattr(module, "MAX_BODY", 3)
    with pytest.raises(RecordingError):
        encode_record(LINES, Note(1), b"body")


def test_what_is_no_plain_file_is_not_opened(path: Path) -> None:
    kept = path.rename(path.with_name("elsewhere"))
    assert len(hash_file(kept)) == 64
    makers: list[Callable[[], None]] = [lambda: path.symlink_to(kept), lambda: os.mkfifo(path), path.mkdir]
    for make in makers:
        make()
        with pytest.raises(OSError):
            open_file(path)
        with pytest.raises(RecordingError):
            ChunkReader(path)
        with pytest.raises(RecordingError):
            hash_file(path)
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize("head", [LINES_RECORD, encode_record(HEAD, Note(1)), b""])
def test_a_file_without_a_head_is_refused(path: Path, head: bytes) -> None:
    path.write_bytes(MAGIC + head)
    with pytest.raises(RecordingError) as failed:
        ChunkReader(path)
    assert failed.value.code == "recording.damaged"


def test_files_are_listed_in_order_and_none_is_missing(tmp_path: Path) -> None:
    for number in (0, 1, 2):
        (tmp_path / file_name(number)).touch()
    (tmp_path / "000003.part").touch()
    assert [path.name for path in chunk_files(tmp_path)] == ["000000.chunk", "000001.chunk", "000002.chunk"]
    (tmp_path / file_name(1)).rename(tmp_path / "0000001.chunk")
    with pytest.raises(RecordingError) as failed:
        chunk_files(tmp_path)
    assert failed.value.code == "recording.damaged"


def test_no_directory_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as failed:
        chunk_files(tmp_path / "none")
    assert failed.value.code == "recording.not_found"
