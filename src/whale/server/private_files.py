"""Files that only the server's user may read: written whole or not at all, and never through a link."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from whale.model.errors import ConfigError
from whale.store.failures import not_writable

MAX_FILE: Final = 1024 * 1024
"""Largest one that is read, in bytes."""


def write_private(file: Path, data: bytes) -> None:
    """Write a file with mode 0600, in place of one that is there. Raises `WhaleError` (server.disk_full)."""
    new = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as made:
                if os.geteuid() == 0:
                    # What an operator makes with `sudo` must be the server's.
                    owner = file.parent.stat()
                    os.fchown(made.fileno(), owner.st_uid, owner.st_gid)
                made.write(data)
                made.flush()
                os.fsync(made.fileno())
            os.replace(new, file)
        except BaseException:
            with suppress(FileNotFoundError):
                new.unlink()
            raise
    except OSError as error:
        raise not_writable(str(error)) from error


def read_private(file: Path) -> bytes | None:
    """Read one; None when it is not there. Raises `ConfigError` when others can read it, or nobody can."""
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
            if os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(f"{file.name} is open to other users", path="state_dir", hint=f"chmod 600 {file}")
            return opened.read(MAX_FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{file.name} can't be read: {error.strerror}", path="state_dir") from error
