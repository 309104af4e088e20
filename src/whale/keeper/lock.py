"""A lock on a file of the state directory that ends with the processes that hold it, whatever ends them.

The kernel holds it for the open file, so it can be handed to another process with the descriptor. The file stays:
to remove it would let two processes each lock a file of that name.
"""

import fcntl
import os
from contextlib import suppress


def take_lock(directory: int, name: str) -> int | None:
    """Lock a file and return its descriptor, which is the lock; None while another process holds it.

    `directory` is a descriptor of the directory. Whoever holds the lock calls `sign`. Raises `OSError` when the
    directory can't be written or its file system has no locks.
    """
    lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        if os.geteuid() == 0:
            # What an operator tried as root must not lock out the user the server runs as.
            owner = os.stat(directory)
            os.fchown(lock, owner.st_uid, owner.st_gid)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return lock


def sign(lock: int) -> None:
    """Write this process into the file, for whoever finds it locked. A disk too full for that is no reason to fail."""
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def holder_of(directory: int, name: str) -> int:
    """The process that signed the file last; 0 when none is known."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return 0
    try:
        text = os.read(file, 32).strip()
    except OSError:
        return 0
    finally:
        os.close(file)
    return int(text) if text.isdigit() else 0
