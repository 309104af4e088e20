"""Locks of processes: who holds one, who does not, and what is left when the holder is killed."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale.keeper.lock import Signature, holder_of, is_process_of, sign, signature_of, take_lock

HOLDER = """
import os, sys, time
from whale.keeper.lock import sign, take_lock
lock = take_lock(os.open(sys.argv[1], os.O_RDONLY), "some.lock")
sign(lock)
print("held", flush=True)
time.sleep(100)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def test_one_process_holds_it_and_is_named_until_it_is_killed(directory: int, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            assert take_lock(directory, "some.lock") is None
            assert holder_of(directory, "some.lock") == holder.pid
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait(10)
        lock = take_lock(directory, "some.lock")
        assert lock is not None
        os.close(lock)


def test_the_signature_tells_processes_of_one_number_apart(directory: int) -> None:
    lock = take_lock(directory, "some.lock")
    assert lock is not None
    sign(lock)
    os.close(lock)
    signature = signature_of(directory, "some.lock")
    assert signature is not None
    assert signature.process == os.getpid()
    assert is_process_of(signature)
    assert not is_process_of(signature._replace(started=signature.started + 1))
    assert is_process_of(signature._replace(started=0)), "one that did not say when it began"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (b"", None),
        (b"12\n", Signature(12, 0)),
        (b"12 34\n", Signature(12, 34)),
        (b"12 x\n", None),
        (b"-1\n", None),
        (b"1 2 3\n", None),
    ],
)
def test_signatures(directory: int, tmp_path: Path, text: bytes, signature: Signature | None) -> None:
    (tmp_path / "some.lock").write_bytes(text)
    assert signature_of(directory, "some.lock") == signature
    assert holder_of(directory, "some.lock") == (signature.process if signature else 0)


def test_it_goes_with_its_last_descriptor(directory: int) -> None:
    lock = take_lock(directory, "some.lock")
    assert lock is not None
    handed_over = os.dup(lock)
    os.close(lock)
    assert take_lock(directory, "some.lock") is None
    os.close(handed_over)
    again = take_lock(directory, "some.lock")
    assert again is not None
    os.close(again)


def test_no_child_inherits_it(directory: int) -> None:
    lock = take_lock(directory, "some.lock")
    assert lock is not None
    assert not os.get_inheritable(lock)
    os.close(lock)


def test_a_lock_that_fails_leaves_no_descriptor_open(directory: int) -> None:
    lock = take_lock(directory, "some.lock")
    assert lock is not None
    before = os.listdir("/proc/self/fd")
    assert take_lock(directory, "some.lock") is None
    assert os.listdir("/proc/self/fd") == before
    os.close(lock)


def test_a_shorter_number_replaces_a_longer_one_whole(directory: int, tmp_path: Path) -> None:
    (tmp_path / "some.lock").write_bytes(b"99999999\n")
    lock = take_lock(directory, "some.lock")
    assert lock is not None
    sign(lock)
    assert holder_of(directory, "some.lock") == os.getpid()
    os.close(lock)


@pytest.mark.parametrize("content", [b"", b"nobody\n", b"\xff\xfe", b"-5\n"])
def test_nobody_is_named_where_nobody_signed(directory: int, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "some.lock").write_bytes(content)
    assert holder_of(directory, "some.lock") == 0
    assert holder_of(directory, "other.lock") == 0


def test_a_link_is_not_followed(directory: int, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"12\n")
    (tmp_path / "some.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        take_lock(directory, "some.lock")
    assert holder_of(directory, "some.lock") == 0


def test_others_are_kept_out_and_roots_file_belongs_to_the_directorys_owner(directory: int, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.fail("this test gives a directory away, which takes root")
    os.chown(tmp_path, 12345, 12346)
    lock = take_lock(directory, "some.lock")
    assert lock is not None
    found = os.fstat(lock)
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o600)
    os.close(lock)


def test_nobody_is_named_by_what_is_no_file(directory: int, tmp_path: Path) -> None:
    (tmp_path / "some.lock").mkdir()
    assert holder_of(directory, "some.lock") == 0


def test_a_file_system_without_locks(directory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No locks"):
        take_lock(directory, "some.lock")
    assert os.listdir("/proc/self/fd") == before
