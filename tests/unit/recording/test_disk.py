"""What is on the disk is whole."""

import os
from pathlib import Path

import pytest

from whale.model.errors import RecordingError
from whale.recording.disk import create_file, sync_directory, translated, write_all


def _full(descriptor: int, data: bytes, at: int) -> int:
    """A disk with room for ten bytes more."""
    if len(data) > 10:
        return os.write(descriptor, bytes(data)[:10])
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("is_synced", [False, True])
def test_a_file_takes_the_place_of_another(tmp_path: Path, is_synced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    path = tmp_path / "000000.chunk"
    path.write_bytes(b"old and longer")
    path.with_suffix(".part").write_bytes(b"left by a crash")
    descriptor = create_file(path, b"new", is_synced=is_synced)
    assert synced == [descriptor] * is_synced
    write_all(descriptor, b"er", 3)
    os.close(descriptor)
    sync_directory(tmp_path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"newer", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_has_no_room_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "000000.chunk"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "pwrite", _full)
    open_before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="space"):
        create_file(path, b"x" * 15)
    assert path.read_bytes() == b"old"
    assert len(os.listdir("/proc/self/fd")) == open_before


def test_of_what_has_no_room_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    descriptor = create_file(path, b"whole")
    monkeypatch.setattr(os, "pwrite", _full)
    os.lseek(descriptor, 5, os.SEEK_SET)
    with pytest.raises(OSError, match="space"):
        write_all(descriptor, b"x" * 15, 5)
    os.close(descriptor)
    assert path.read_bytes() == b"whole"


def test_what_the_system_refuses_is_said_without_its_words() -> None:
    with pytest.raises(RecordingError) as failed, translated():
        raise OSError(28, "No space left on device", "/var/lib/secret")
    assert failed.value.code == "recording.unavailable"
    assert "secret" not in failed.value.message
    with pytest.raises(ValueError, match="other"), translated():
        raise ValueError("other")
