"""The state directory and the database's file: modes, owners, links, two at once, full disks."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.unit.store.conftest import fill
from whale.model.errors import WhaleError
from whale.store.files import FILE_NAME, prepare


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def failed(state_dir: Path) -> WhaleError:
    with pytest.raises(WhaleError) as caught:
        prepare(state_dir)
    assert caught.value.hint
    assert str(state_dir) not in caught.value.message + caught.value.hint
    return caught.value


def test_both_are_made_and_others_kept_out_whatever_the_umask(tmp_path: Path) -> None:
    for umask in (0, 0o077, 0o177):
        state = tmp_path / str(umask) / "state"
        state.parent.mkdir()
        before = os.umask(umask)
        try:
            file = prepare(state)
        finally:
            os.umask(before)
        assert file == state / FILE_NAME
        assert [path.name for path in state.iterdir()] == [FILE_NAME]
        assert mode_of(file) == 0o600
        assert mode_of(state) & 0o077 == 0


def test_a_new_database_logs_ahead_from_the_beginning(tmp_path: Path) -> None:
    connection = sqlite3.connect(prepare(tmp_path))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(prepare(tmp_path))
    connection.execute("CREATE TABLE precious (a)")
    connection.close()
    content = (tmp_path / FILE_NAME).read_bytes()
    prepare(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_of_many_at_once_one_wins_and_nothing_is_left_over(tmp_path: Path) -> None:
    for number in range(20):
        state = tmp_path / str(number)
        start = threading.Barrier(4)
        inodes: set[int] = set()

        def run(state: Path = state, start: threading.Barrier = start, inodes: set[int] = inodes) -> None:
            start.wait(10)
            inodes.add(prepare(state).stat().st_ino)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(inodes) == 1
        assert [path.name for path in state.iterdir()] == [FILE_NAME]


def test_a_loose_file_is_tightened(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    (tmp_path / FILE_NAME).chmod(0o644)
    prepare(tmp_path)
    assert mode_of(tmp_path / FILE_NAME) == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_directory_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    error = failed(tmp_path)
    assert error.code == "server.database"
    assert "written by other users" in error.message
    assert list(tmp_path.iterdir()) == []
    assert mode_of(tmp_path) == mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path, exists: bool) -> None:
    victim = tmp_path / "victim"
    if exists:
        victim.touch()
        victim.chmod(0o644)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / FILE_NAME).symlink_to(victim)
    assert failed(state).code == "server.disk_full"
    assert victim.exists() is exists
    assert not exists or mode_of(victim) == 0o644


def test_a_file_made_by_root_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.fail("this test gives a directory away, which takes root")
    os.chown(tmp_path, 12345, 12346)
    for _ in ("made", "found"):
        owner = prepare(tmp_path).stat()
        assert (owner.st_uid, owner.st_gid) == (12345, 12346)
        os.chown(tmp_path / FILE_NAME, 0, 0)


def test_a_place_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "state"):
        assert failed(place).code == "server.disk_full"


def test_a_full_disk_leaves_nothing_behind(small_disk: Path) -> None:
    state = small_disk / "state"
    state.mkdir(mode=0o700)
    filler = fill(small_disk)
    error = failed(state)
    assert error.code == "server.disk_full"
    assert "full" in error.detail
    assert list(state.iterdir()) == []
    filler.unlink()
    prepare(state)


def test_a_read_only_file_system(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True, timeout=10)
    assert failed(small_disk / "state").code == "server.disk_full"
    assert failed(small_disk).code == "server.disk_full"


def test_the_locks_of_a_database_that_is_open_stay(tmp_path: Path) -> None:
    file = prepare(tmp_path)
    holder = sqlite3.connect(file)
    holder.execute("CREATE TABLE t (x)").close()
    prepare(tmp_path)
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t').close(); c.close()"
    subprocess.run([sys.executable, "-c", program, str(file)], check=True, timeout=30)
    assert file.with_name(f"{FILE_NAME}-wal").exists(), "who closes last takes it away"
    holder.close()
