"""Recordings that are whole and in an object store: their files may be there alone, and come back when they are read.

What is in the store is listed in a manifest, which is the last object of a recording and stays here when its files go.
So what comes back is known to be what was stored, and a jump fetches no more than what it shows.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from whale.model.errors import RecordingError
from whale.model.limits import MIB
from whale.recording.chunk import CHUNK, ChunkReader, chunk_files, damaged, file_name, hash_file, is_begun, open_file

MANIFEST: Final = "parts.json"
MAX_MANIFEST: Final = 32 * MIB
"""Bytes: some hundred for each part."""

_PARTIAL: Final = ".part-"
"""How the names of files begin that are not whole yet."""

_ABANDONED: Final = 3600.0
"""Seconds after which nobody writes to such a file any more."""


class StoredPart(msgspec.Struct, frozen=True):
    """A file of a recording in the store."""

    start: int
    """Milliseconds of the last event before it."""
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """All of them."""

    recording: str
    parts: tuple[StoredPart, ...]


class PartElsewhere(RecordingError):
    """A part is in the object store alone, and nobody fetches it here."""

    def __init__(self, number: int) -> None:
        super().__init__(
            "the recording is in an object store",
            hint="the server's setting recording.s3.bucket says which one; it has to stay while recordings are there",
        )
        self.number = number


class Objects(Protocol):
    """Where objects are read from: `whale.recording.objects` has the real one."""

    def get(self, key: str, *, limit: int) -> bytes: ...


class StoredParts:
    """The parts of one recording. Everything here blocks. All methods raise `RecordingError`."""

    def __init__(self, directory: Path, objects: Objects | None) -> None:
        """Without `objects`, what is not here is `PartElsewhere`."""
        self._directory = directory
        self._objects = objects
        self._manifest: Manifest | None = None
        self._is_looked_for = False

    def manifest(self) -> Manifest | None:
        """Return what is in the store, of a recording all of which is there; None while it is not."""
        if self._manifest is None:
            self._manifest = self._local()
        if self._manifest is None and not self._is_looked_for and not self._has(0):
            self._is_looked_for = True  # the machine's disk may be a new one
            self._manifest = self._fetched()
        return self._manifest

    def bring(self, number: int) -> None:
        """Have a part here, if there is such a part."""
        manifest = None if self._has(number) else self.manifest()
        if manifest is None or number >= len(manifest.parts):
            return
        if self._objects is None:
            raise PartElsewhere(number)
        part, name = manifest.parts[number], file_name(number)
        try:
            data = self._objects.get(f"{self._directory.name}/{name}", limit=part.size)
        except RecordingError as error:
            if error.code == "recording.not_found":
                raise damaged(self._directory / name, error.detail) from error
            raise
        if len(data) != part.size or hashlib.sha256(data).hexdigest() != part.sha256:
            raise damaged(self._directory / name, "what is in the object store is not what was stored there")
        _write(self._directory / name, data)

    def touch(self) -> None:
        """Note that it is read: what nobody has read for longest goes first."""
        with suppress(OSError):  # on a disk that takes no writes, what is here is read all the same
            os.utime(self._directory / MANIFEST)

    def _has(self, number: int) -> bool:
        return (self._directory / file_name(number)).exists()

    def _local(self) -> Manifest | None:
        try:
            with open_file(self._directory / MANIFEST) as file:
                return _decoded(file.read(MAX_MANIFEST), self._directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(error) from error

    def _fetched(self) -> Manifest | None:
        if self._objects is None:
            return None
        try:
            data = self._objects.get(f"{self._directory.name}/{MANIFEST}", limit=MAX_MANIFEST)
        except RecordingError as error:
            if error.code == "recording.not_found":
                return None
            raise
        manifest = _decoded(data, self._directory)
        write_manifest(self._directory, manifest)
        return manifest


def make_manifest(directory: Path) -> Manifest:
    """List the files of a recording that has ended. Raises `RecordingError`."""
    files = chunk_files(directory)
    if files and not is_begun(files[-1]):
        files.pop()
    if not files:
        raise damaged(directory, "it has no parts")
    parts = [StoredPart(ChunkReader(path).head.start, path.stat().st_size, hash_file(path)) for path in files]
    return Manifest(directory.name, tuple(parts))


def encode_manifest(manifest: Manifest) -> bytes:
    """Make the bytes that are stored of it."""
    return msgspec.json.encode(manifest)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Keep it beside the files. Raises `RecordingError`."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unusable(error) from error
    _write(directory / MANIFEST, encode_manifest(manifest))


def make_room(directory: Path, *, keep: int) -> int:
    """Delete files of recordings that are in the store, until no more than `keep` bytes are here, or none is left.

    Those go first that nobody has read for longest. Return how many bytes have gone. Raises `RecordingError`.
    """
    try:
        sizes = {path: _size(path) for path in directory.iterdir() if path.is_dir()}
        for path in sizes:
            _sweep(path)
        left, gone = sum(sizes.values()), 0
        if left > keep:
            for path in _oldest(sizes):
                if left - gone <= keep:
                    break
                gone += _evict(path)
    except FileNotFoundError:
        return 0  # nothing was recorded yet
    except OSError as error:
        raise _unusable(error) from error
    return gone


def _oldest(directories: Iterable[Path]) -> list[Path]:
    read = {path: (path / MANIFEST).stat().st_mtime for path in directories if (path / MANIFEST).exists()}
    return sorted(read, key=lambda path: read[path])


def _evict(directory: Path) -> int:
    manifest, gone = StoredParts(directory, None).manifest(), 0
    for number, part in enumerate(manifest.parts if manifest is not None else ()):
        path = directory / file_name(number)
        if path.exists():
            path.unlink()
            gone += part.size
    return gone


def _sweep(directory: Path) -> None:
    """Delete what is left of files that were being fetched when a server was killed."""
    for path in directory.glob(f"{_PARTIAL}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir() if path.suffix == CHUNK)


def _write(path: Path, data: bytes) -> None:
    """Make a file that is whole when it has its name, also where two do at once."""
    try:
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=_PARTIAL)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fdatasync(file.fileno())
            os.rename(part, path)
        except BaseException:
            os.unlink(part)
            raise
    except OSError as error:
        raise _unusable(error) from error


def _decoded(data: bytes, directory: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise damaged(directory / MANIFEST, str(error)) from error
    if manifest.recording != directory.name:
        raise damaged(directory / MANIFEST, "it is of another recording")
    return manifest


def _unusable(error: OSError) -> RecordingError:
    return RecordingError("the recording can't be read", detail=str(error))
