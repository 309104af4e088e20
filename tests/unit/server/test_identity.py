"""A server is the same one for as long as its state directory is there."""

import stat
from pathlib import Path

import pytest

from whale.model.errors import ConfigError, WhaleError
from whale.server.identity import FILE_NAME, server_id


def test_it_stays(tmp_path: Path) -> None:
    first = server_id(tmp_path)
    assert len(first) == 32
    assert server_id(tmp_path) == first
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    other = tmp_path / "other"
    other.mkdir()
    assert server_id(other) != first


@pytest.mark.parametrize("text", ["", "x", "A" * 32, "1" * 31])
def test_a_file_without_an_id_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ConfigError) as failed:
        server_id(tmp_path)
    assert FILE_NAME in failed.value.hint


def test_a_directory_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(WhaleError) as failed:
        server_id(tmp_path / "nothing")
    assert failed.value.code == "server.disk_full"
