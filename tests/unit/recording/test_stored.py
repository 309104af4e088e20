"""Recordings of which parts are in an object store alone."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.recording_events import ID, header, output
from whale.model.errors import RecordingError
from whale.recording.chunk import chunk_files
from whale.recording.event import KeyFrame
from whale.recording.reader import RecordingReader
from whale.recording.stored import (
    MANIFEST,
    Manifest,
    PartElsewhere,
    StoredParts,
    encode_manifest,
    make_manifest,
    make_room,
    write_manifest,
)
from whale.recording.tail import TailReader
from whale.recording.writer import RecordingWriter

KEY = KeyFrame(0, 80, 24, b"picture")


class Memory:
    """An object store in memory, which notes what was asked of it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.got: list[str] = []
        self.is_down = False

    def get(self, key: str, *, limit: int) -> bytes:
        self.got.append(key.partition("/")[2])
        if self.is_down:
            raise RecordingError("down")
        if key not in self.objects:
            raise RecordingError("not there", code="recording.not_found")
        return self.objects[key]


def record(folder: Path, id: str = ID, parts: int = 6) -> Path:
    directory = folder / id
    writer = RecordingWriter.create(directory, header(id))
    for number in range(parts):
        writer.write([output(number * 1000, b"at %d\r\n" % number)], {})
        if number < parts - 1:
            writer.begin_chunk(KEY)
    writer.finish()
    return directory


def store(memory: Memory, directory: Path) -> Manifest:
    """Store one, as an upload does it."""
    manifest = make_manifest(directory)
    memory.objects |= {f"{directory.name}/{path.name}": path.read_bytes() for path in chunk_files(directory)}
    memory.objects[f"{directory.name}/{MANIFEST}"] = encode_manifest(manifest)
    write_manifest(directory, manifest)
    return manifest


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def place(tmp_path: Path, memory: Memory) -> Path:
    directory = record(tmp_path)
    store(memory, directory)
    return directory


def lines(directory: Path, memory: Memory | None, *, at: int = 0) -> bytes:
    reader = TailReader(directory, at=at, stored=StoredParts(directory, memory))
    return b"".join(iter(lambda: reader.read(10), b""))


def test_what_went_comes_back_as_it_was(place: Path, memory: Memory) -> None:
    before = b"".join(RecordingReader(place).lines())
    kept = {path.name: path.read_bytes() for path in chunk_files(place)}
    assert make_room(place.parent, keep=0) == sum(map(len, kept.values()))
    assert [path.name for path in place.iterdir()] == [MANIFEST]
    assert lines(place, memory) == before
    assert {path.name: path.read_bytes() for path in chunk_files(place)} == kept
    assert memory.got == list(kept), "each once"
    assert lines(place, memory) == before
    assert memory.got == list(kept), "and then it is here"
    assert sorted(path.name for path in place.iterdir()) == [*kept, MANIFEST]


def test_a_jump_fetches_what_it_shows_and_the_header(place: Path, memory: Memory) -> None:
    before = lines(place, memory, at=4500)
    make_room(place.parent, keep=0)
    assert lines(place, memory, at=4500) == before
    assert memory.got == ["000005.chunk", "000000.chunk"]


def test_a_new_disk_finds_what_an_old_one_had(place: Path, memory: Memory, tmp_path: Path) -> None:
    before = lines(place, memory)
    shutil.rmtree(place)
    assert lines(place, memory) == before
    shutil.rmtree(place)
    memory.objects[f"{ID}/{MANIFEST}"] = b"{"
    with pytest.raises(RecordingError) as damaged:
        lines(place, memory)
    assert damaged.value.code == "recording.damaged"
    memory.is_down = True
    with pytest.raises(RecordingError, match="down"):
        lines(place, memory)
    memory = Memory()
    with pytest.raises(RecordingError) as none:
        lines(place, memory)
    assert none.value.code == "recording.not_found"
    assert not place.exists()


def test_a_manifest_of_another_recording_is_refused(place: Path, memory: Memory) -> None:
    shutil.rmtree(place)
    other = Manifest("f" * 32, ())
    memory.objects[f"{ID}/{MANIFEST}"] = encode_manifest(other)
    with pytest.raises(RecordingError) as refused:
        lines(place, memory)
    assert refused.value.code == "recording.damaged"


@pytest.mark.parametrize("change", ["shorter", "another", "gone"])
def test_what_is_not_what_was_stored_is_refused(place: Path, memory: Memory, change: str) -> None:
    make_room(place.parent, keep=0)
    key = f"{ID}/000003.chunk"
    data = memory.objects.pop(key)
    if change != "gone":
        memory.objects[key] = data[:-1] if change == "shorter" else data[:-1] + b"x"
    with pytest.raises(RecordingError) as refused:
        lines(place, memory)
    assert refused.value.code == "recording.damaged"
    assert not (place / "000003.chunk").exists()


def test_without_a_store_it_is_elsewhere(place: Path) -> None:
    assert b"at 5" in lines(place, None), "it is here, too"
    make_room(place.parent, keep=0)
    with pytest.raises(PartElsewhere) as elsewhere:
        lines(place, None)
    assert elsewhere.value.number == 0
    assert elsewhere.value.code == "recording.unavailable"


def test_the_least_recently_read_goes_first(tmp_path: Path, memory: Memory) -> None:
    places = [record(tmp_path, f"{number:032x}") for number in range(4)]
    (tmp_path / "index").mkdir()
    for place in places[:3]:
        store(memory, place)
    for age, place in enumerate((places[1], places[0], places[2])):
        os.utime(place / MANIFEST, (1000 + age, 1000 + age))
    StoredParts(places[0], memory).touch()
    StoredParts(places[3], memory).touch()

    def here() -> list[int]:
        return [number for number, place in enumerate(places) if (place / "000000.chunk").exists()]

    size = sum(path.stat().st_size for place in places for path in chunk_files(place))
    assert make_room(tmp_path, keep=size) == 0
    assert here() == [0, 1, 2, 3]
    make_room(tmp_path, keep=size - 1)
    assert here() == [0, 2, 3]
    make_room(tmp_path, keep=0)
    assert here() == [3], "what is nowhere else stays"


def test_what_is_here_is_read_where_nothing_can_be_written(
    place: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.utime", refuse)
    StoredParts(place, memory).touch()
    assert b"at 5" in lines(place, memory)


def test_what_a_crash_left_without_its_head_is_no_part(tmp_path: Path) -> None:
    directory = record(tmp_path)
    path = chunk_files(directory)[-1]
    path.write_bytes(path.read_bytes()[:10])
    assert len(make_manifest(directory).parts) == 5
    for path in chunk_files(directory):
        path.unlink()
    with pytest.raises(RecordingError):
        make_manifest(directory)


def test_a_directory_that_can_not_be_used_is_said(tmp_path: Path, memory: Memory) -> None:
    place = record(tmp_path)
    store(memory, place)
    make_room(tmp_path, keep=0)
    (place / "000000.chunk").mkdir()
    with pytest.raises(RecordingError):
        lines(place, memory)
    (place / "000000.chunk").rmdir()
    (place / MANIFEST).unlink()
    (place / MANIFEST).mkdir()
    with pytest.raises(RecordingError):
        lines(place, memory)
    assert make_room(tmp_path / "none", keep=0) == 0
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError):
        make_room(tmp_path / "file", keep=0)
    with pytest.raises(RecordingError):
        write_manifest(tmp_path / "none" / ID, Manifest(ID, ()))


def test_what_a_killed_server_was_fetching_goes(place: Path, memory: Memory) -> None:
    old, new = place / ".part-old", place / ".part-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    assert make_room(place.parent, keep=10**9) == 0
    assert (old.exists(), new.exists()) == (False, True)
    assert lines(place, memory)


def test_no_half_file_is_left(place: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    make_room(place.parent, keep=0)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdatasync", full)
    with pytest.raises(RecordingError):
        lines(place, memory)
    assert [path.name for path in place.iterdir()] == [MANIFEST]
