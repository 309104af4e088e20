"""Files of a recording on the disk: whole when they have their names, and never half a record longer than they were."""

import os
from pathlib import Path

from whale.model.errors import RecordingError


def create_file(path: Path, data: bytes, *, is_synced: bool = False) -> int:
    """Make a file, in the place of any of its name, and return its descriptor. Raises `OSError`."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        write_all(descriptor, data, 0)
        if is_synced:
            os.fdatasync(descriptor)
        part.rename(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes, at: int) -> None:
    """Write at a place, or leave nothing behind it. Raises `OSError`."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.pwrite(descriptor, rest, at + len(data) - len(rest)) :]
    except OSError:
        os.ftruncate(descriptor, at)
        raise


def sync_directory(directory: Path) -> None:
    """Have the names of a directory's files on the disk. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class translated:
    """What the system refuses in the block, in whale's words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, OSError):
            raise RecordingError("the recording can't be written", detail=str(error)) from error
