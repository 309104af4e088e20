"""The recordings of a server, by id."""

from pathlib import Path

import pytest

from tests.recording_events import header, output
from whale.model.errors import RecordingError
from whale.recording import shelf as module
from whale.recording.shelf import RecordingShelf
from whale.recording.writer import RecordingWriter

ID = "0123456789abcdef" * 2


@pytest.fixture
def shelf(tmp_path: Path) -> RecordingShelf:
    made = RecordingShelf(tmp_path / "recordings")
    made.place(ID).parent.mkdir()
    writer = RecordingWriter.create(made.place(ID), header())
    writer.write([output(1, b"hello")], {})
    writer.finish()
    return made


def test_reads_one(shelf: RecordingShelf) -> None:
    reader = shelf.open(ID, from_ms=0)
    assert b"hello" in reader.read(100_000)
    reader.close()


def test_reads_a_file_in_pieces(shelf: RecordingShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 10)
    pieces = list(shelf.chunk(ID, 0))
    assert b"".join(pieces) == (shelf.place(ID) / "000000.chunk").read_bytes()
    assert max(map(len, pieces)) == 10
    assert b"".join(shelf.chunk(ID, 0, start=25)) == b"".join(pieces)[25:]
    assert list(shelf.chunk(ID, 0, start=10**9)) == []
    assert shelf.size(ID) == sum(map(len, pieces))


def test_what_is_not_there_is_not_found(shelf: RecordingShelf) -> None:
    other = "f" * 32
    with pytest.raises(RecordingError) as none:
        next(shelf.chunk(ID, 1))
    assert none.value.code == "recording.not_found"
    with pytest.raises(RecordingError) as none:
        shelf.open(other, from_ms=0)
    assert none.value.code == "recording.not_found"
    assert shelf.size(other) == 0
    shelf.delete(other)


def test_deletes_all_of_one_and_nothing_else(shelf: RecordingShelf, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (shelf.place(ID) / "link").symlink_to(outside)
    (shelf.place(ID) / "000001.part").touch()
    shelf.delete(ID)
    assert not shelf.place(ID).exists()
    assert (outside / "kept").exists()


def test_a_link_is_not_followed(shelf: RecordingShelf, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (shelf.place(ID) / "000001.chunk").symlink_to(tmp_path / "secret")
    with pytest.raises(RecordingError):
        next(shelf.chunk(ID, 1))


@pytest.mark.parametrize("id", ["", "..", "../" + ID, ID.upper(), ID[:-1], ID + "0", ID + "\n", "/" + ID[1:]])
def test_what_is_no_id_is_no_path(shelf: RecordingShelf, id: str) -> None:
    for ask in (lambda: shelf.open(id, from_ms=0), lambda: next(shelf.chunk(id, 0)), lambda: shelf.delete(id)):
        with pytest.raises(RecordingError) as refused:
            ask()
        assert refused.value.code == "recording.not_found"


def test_what_the_system_refuses_is_an_error_of_the_recording(
    shelf: RecordingShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(module, "open_file", refuse)
    monkeypatch.setattr(Path, "iterdir", refuse)
    monkeypatch.setattr("shutil.rmtree", refuse)
    for ask in (lambda: next(shelf.chunk(ID, 0)), lambda: shelf.size(ID), lambda: shelf.delete(ID)):
        with pytest.raises(RecordingError) as refused:
            ask()
        assert refused.value.code == "recording.unavailable"
