"""A lock on a file of the state directory that ends with the processes that hold it, whatever ends them.

The kernel holds it for the open file, so it can be handed to another process with the descriptor. The file stays:
to remove it would let two processes each lock a file of that name.
"""

import fcntl
import os
from contextlib import suppress
from typing import Final, NamedTuple

_START_TIME: Final = 19
"""Place of the start time in /proc/PID/stat, counted behind the name."""


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


class Signature(NamedTuple):
    """What a process writes into its lock: its number, and when it began, because another one may get the number."""

    process: int
    started: int
    """In the kernel's ticks; 0 where that is not known."""


def sign(lock: int) -> None:
    """Write this process into the file, for whoever finds it locked. A disk too full for that is no reason to fail."""
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d %d\n" % (os.getpid(), _started(os.getpid())), 0)


def signature_of(directory: int, name: str) -> Signature | None:
    """The signature in the file, which may be that of an earlier holder; None when there is none."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    try:
        words = os.read(file, 64).split()
    except OSError:
        return None
    finally:
        os.close(file)
    if not 1 <= len(words) <= 2 or not all(word.isdigit() for word in words):
        return None
    return Signature(int(words[0]), int(words[1]) if len(words) == 2 else 0)


def holder_of(directory: int, name: str) -> int:
    """The process that signed the file last; 0 when none is known."""
    signature = signature_of(directory, name)
    return signature.process if signature else 0


def is_process_of(signature: Signature) -> bool:
    """Tell whether the process of that number is the one that signed, as far as the system says."""
    return not signature.started or _started(signature.process) in (0, signature.started)


def _started(process: int) -> int:
    """When a process began; 0 where there is none, or no /proc."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[_START_TIME])
    except (OSError, IndexError, ValueError):
        return 0
