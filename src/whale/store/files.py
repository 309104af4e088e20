"""Makes the state directory and the database's file, with modes that keep others out from the first moment.

Never replaces a file that is there, and never follows a link in its place.
"""

import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from whale.model.errors import WhaleError
from whale.store.failures import not_writable, translate

FILE_NAME: Final = "whale.db"


def prepare(state_dir: Path) -> Path:
    """Make what is missing and return the database's file.

    Raises `WhaleError`: server.disk_full when the directory can't be written, server.database when other users
    can write to it.
    """
    file = state_dir / FILE_NAME
    prepare_directory(state_dir)
    try:
        if not os.path.lexists(file):
            _create(file)
        if not _is_claimed(file):
            _claim(file, os.O_RDWR)
    except OSError as error:
        raise not_writable(str(error)) from error
    except sqlite3.Error as error:
        raise translate(error, kind=type(error).__name__) from error
    return file


def prepare_directory(state_dir: Path) -> None:
    """Make the directory alone, for a server whose database is elsewhere. Raises `WhaleError` as `prepare` does."""
    try:
        state_dir.parent.mkdir(parents=True, exist_ok=True)
        state_dir.mkdir(mode=0o700, exist_ok=True)
        mode = state_dir.stat().st_mode
    except OSError as error:
        raise not_writable(str(error)) from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WhaleError(
            "the state directory can be written by other users",
            code="server.database",
            hint="take their right away with chmod 700, or give another --state-dir",
            detail=str(state_dir),
        )


def _create(file: Path) -> None:
    """Make an empty database that logs ahead, and give it its name when it is whole.

    Two processes that turn on write-ahead logging in the same new file can lock each other out at once, whatever
    the busy timeout. So each makes its own, and the first to name it wins.
    """
    new = file.with_name(f"{FILE_NAME}.{secrets.token_hex(8)}")
    try:
        _claim(new, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL").close()
        with suppress(FileExistsError):
            os.link(new, file)
    finally:
        new.unlink(missing_ok=True)


def _is_claimed(file: Path) -> bool:
    """Whether nothing has to be done. Opens nothing: to close a file takes all locks on it away from the whole process,
    which may have the database open already.
    """
    known = file.lstat()
    owner = file.parent.stat() if os.geteuid() == 0 else known
    is_right = stat.S_ISREG(known.st_mode) and stat.S_IMODE(known.st_mode) == 0o600
    return is_right and (known.st_uid, known.st_gid) == (owner.st_uid, owner.st_gid) and os.access(file, os.W_OK)


def _claim(file: Path, flags: int) -> None:
    opened = os.open(file, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(opened, 0o600)
        if os.geteuid() == 0:
            # An operator's `sudo whale-server token create` must not lock out the user the server runs as.
            owner = file.parent.stat()
            os.fchown(opened, owner.st_uid, owner.st_gid)
    finally:
        os.close(opened)
