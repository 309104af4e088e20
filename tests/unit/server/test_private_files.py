"""Files of the server alone."""

import stat
from pathlib import Path

import pytest

from whale.model.errors import ConfigError, WhaleError
from whale.server.private_files import read_private, write_private


def test_nobody_else_can_read_it_and_it_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_private(file, b"one")
    write_private(file, b"two")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_private(file) == b"two"
    assert list(tmp_path.iterdir()) == [file], "nothing is left beside it"


def test_what_is_not_there(tmp_path: Path) -> None:
    assert read_private(tmp_path / "key") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_one_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    write_private(file, b"secret")
    file.chmod(mode)
    with pytest.raises(ConfigError, match="open to other users"):
        read_private(file)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"theirs")
    (tmp_path / "key").symlink_to(tmp_path / "other")
    with pytest.raises(ConfigError, match="can't be read"):
        read_private(tmp_path / "key")
    write_private(tmp_path / "key", b"ours")
    assert (tmp_path / "other").read_bytes() == b"theirs"


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WhaleError) as failed:
        write_private(tmp_path / "file" / "key", b"")
    assert failed.value.code == "server.disk_full"
