"""A file of JSON lines. It may be renamed or removed by whoever rotates it: the next delivery makes it anew.

Lines are on disk when a delivery is over. A line that was cut by a full disk or a kill never runs into the next one.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from whale.model.errors import TransportError

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FileSink:
    """One file; nobody else writes to it."""

    def __init__(self, path: Path, *, name: str = "file") -> None:
        self.name = name
        self._path = path
        self._descriptor = -1
        self._lock = threading.Lock()

    async def deliver(self, lines: Sequence[str]) -> None:
        """Append lines. Raises `TransportError`."""
        try:
            await asyncio.to_thread(self._append, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise TransportError("the audit file can't be written", detail=str(error)) from error

    async def aclose(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._close_after)

    def _close_after(self) -> None:
        with self._lock:
            self._close()

    def _append(self, data: bytes) -> None:
        # Whoever waited for a delivery may have been cancelled, and its thread goes on.
        with self._lock:
            try:
                self._write(data)
            except OSError:
                self._close()
                raise

    def _write(self, data: bytes) -> None:
        if self._descriptor >= 0 and not self._is_same():
            self._close()
        if self._descriptor < 0:
            self._open()
        end = os.fstat(self._descriptor).st_size
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, end)  # all of it comes again
            raise

    def _is_same(self) -> bool:
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        ours = os.fstat(self._descriptor)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _open(self) -> None:
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
