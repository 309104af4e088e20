"""The keeper's files: who may make them, where they are when the path is long, what is in their way."""

import os
import socket
from pathlib import Path

import pytest

from whale.keeper.packets import receive_packet, send_packet
from whale.keeper.place import LOG_NAME, Place
from whale.keeper.process import SOCKET_NAME


@pytest.mark.parametrize("length", [1, 66, 200])
def test_the_socket_is_found_however_long_its_path_is(tmp_path: Path, length: int) -> None:
    state = tmp_path / ("d" * length)
    state.mkdir()
    with Place(state) as place, place.listen() as listener, place.connect() as connection:
        accepted, _ = listener.accept()
        with accepted:
            send_packet(connection, b"hello")
            assert receive_packet(accepted) == (b"hello", ())
    assert (state / SOCKET_NAME).is_socket()
    assert (state / SOCKET_NAME).stat().st_mode & 0o777 == 0o600


def test_the_longest_path_that_fits_is_used_and_one_more_byte_is_not(tmp_path: Path) -> None:
    room = 107 - len(os.fsencode(tmp_path)) - len(f"//{SOCKET_NAME}")
    for length, fits in ((room, True), (room + 1, False)):
        state = tmp_path / ("d" * length)
        state.mkdir()
        with Place(state) as place, place.listen():
            assert (place.address == str(state / SOCKET_NAME)) is fits


def test_a_relative_path_is_used_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()
    monkeypatch.chdir(tmp_path)
    with Place(Path("state")) as place:
        monkeypatch.chdir("/")
        with place.listen():
            assert (tmp_path / "state" / SOCKET_NAME).is_socket()


def test_a_socket_that_was_left_behind_is_replaced(state: Path) -> None:
    with Place(state) as place:
        place.listen().close()
        with pytest.raises(ConnectionRefusedError):
            place.connect()
        with place.listen():
            place.connect().close()


def test_where_there_is_none(state: Path) -> None:
    with Place(state) as place, pytest.raises(FileNotFoundError):
        place.connect()


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_nothing_but_a_socket_is_replaced(state: Path, tmp_path: Path, kind: str) -> None:
    way = state / SOCKET_NAME
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "other"))
        if kind == "file":
            way.write_text("precious")
        elif kind == "link":
            way.symlink_to(tmp_path / "other")
        else:
            way.mkdir()
        with Place(state) as place, pytest.raises(FileExistsError):
            place.listen()
    assert os.path.lexists(way)


def test_one_has_the_lock(state: Path) -> None:
    with Place(state) as place, Place(state) as other:
        lock = place.lock()
        assert lock is not None
        assert other.lock() is None
        os.close(lock)


def test_the_log_is_begun_anew_and_never_through_a_link(state: Path, tmp_path: Path) -> None:
    (state / LOG_NAME).write_text("of an earlier one")
    with Place(state) as place:
        log = place.open_log()
        os.write(log, b"new")
        os.close(log)
        assert (state / LOG_NAME).read_text() == "new"
        (state / LOG_NAME).unlink()
        (state / LOG_NAME).symlink_to(tmp_path / "victim")
        with pytest.raises(OSError, match="symbolic links"):
            place.open_log()
    assert not (tmp_path / "victim").exists()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Place(tmp_path / "none")


def test_a_file_system_without_sockets() -> None:
    with Place(Path("/proc/self")) as place, pytest.raises(OSError, match=r"No such file|not permitted"):
        place.listen()
