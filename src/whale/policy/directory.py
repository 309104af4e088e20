"""A directory of policies: every `*.cedar` file directly in it, in the order of their names. Reads, and writes nothing.

Files are read as a whole or not at all: one that can't be read is an error, and never a policy less.
"""

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from whale.model.errors import ConfigError
from whale.model.text import printable
from whale.policy.source import PolicyFile

SUFFIX: Final = ".cedar"

MAX_BYTES: Final = 8 * 1024 * 1024
"""Of all files together."""


class _Seen(NamedTuple):
    name: str
    inode: int
    changed: int
    size: int


Fingerprint = tuple[_Seen, ...]
"""What can be seen of the files without reading them."""


def fingerprint(directory: Path) -> Fingerprint:
    """Look at the files. Raises `ConfigError` when that is not possible."""
    found = []
    for file in _files(directory):
        try:
            known = file.stat()
        except OSError as error:
            raise _unreadable(file.name, error) from error
        found.append(_Seen(file.name, known.st_ino, known.st_mtime_ns, known.st_size))
    return tuple(found)


def read_directory(directory: Path) -> list[PolicyFile]:
    """Read all files. Raises `ConfigError`, also for what others could have written."""
    _check_owner(directory, directory.name)
    left = MAX_BYTES
    found: list[PolicyFile] = []
    for file in _files(directory):
        _check_owner(file, file.name)
        found.append(read_file(file, limit=left))
        left -= len(found[-1].text)
    return found


def read_file(file: Path, *, limit: int = MAX_BYTES) -> PolicyFile:
    """Read one file. Raises `ConfigError`."""
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise _unreadable(file.name, error) from error
    name = printable(file.name)
    if len(data) > limit:
        raise _wrong(f"{name}: the policies have more than {MAX_BYTES} bytes")
    try:
        return PolicyFile(name, data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(f"{name}:{line}: is not UTF-8 text") from error


def _files(directory: Path) -> list[Path]:
    try:
        names = sorted(entry for entry in os.listdir(directory) if entry.endswith(SUFFIX) and not entry.startswith("."))
    except OSError as error:
        raise _unreadable(str(directory), error) from error
    return [directory / name for name in names]


def _check_owner(path: Path, name: str) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(name, error) from error
    if mode & stat.S_IWOTH:
        raise _wrong(f"{printable(name)}: can be written by every user of this machine", hint="chmod o-w")


def _unreadable(name: str, error: OSError) -> ConfigError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return _wrong(f"{printable(name)}: can't be read: {reason}")


def _wrong(message: str, *, hint: str = "") -> ConfigError:
    return ConfigError(message, path="policy.dir", hint=hint)
