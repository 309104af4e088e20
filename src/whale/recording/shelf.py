"""The directory in which a server's recordings are. Everything here blocks."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from whale.model.errors import RecordingError
from whale.recording.chunk import open_file
from whale.recording.contents import Contents
from whale.recording.index import IndexSearch
from whale.recording.search_query import SearchQuery
from whale.recording.stored import Objects, StoredParts
from whale.recording.tail import TailReader

INDEX: Final = "index"
"""The directory beside the recordings that has what can be searched of them."""

PIECE: Final = 64 * 1024
"""Bytes of a file that are read at once."""

_ID: Final = re.compile(r"[0-9a-f]{32}")


class RecordingShelf:
    """One per server. All methods raise `RecordingError`."""

    def __init__(self, directory: Path, objects: Objects | None = None) -> None:
        """`objects`: where finished ones may be instead of here."""
        self._directory = directory
        self._objects = objects

    def prepare(self) -> None:
        """Make the directory, if it is not there yet."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise RecordingError("recordings can't be written", detail=str(error)) from error

    def open(self, id: str, *, from_ms: int) -> TailReader:
        """Read one as lines of asciicast, from a moment on. What is encrypted can't be read here."""
        return TailReader(self.place(id), at=from_ms, stored=self._stored(id))

    def chunk(self, id: str, number: int, *, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes of one file as they are stored, from one on."""
        try:
            with open_file(Contents(self.place(id), stored=self._stored(id)).path(number)) as file:
                file.seek(start)
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError as error:
            hint = "its parts are counted from 0"
            raise RecordingError("no such part of the recording", code="recording.not_found", hint=hint) from error
        except OSError as error:
            raise RecordingError("the recording can't be read", detail=str(error)) from error

    def bring(self, id: str, number: int) -> None:
        """Have one of the files here that may be elsewhere."""
        if not Contents(self.place(id), stored=self._stored(id)).path(number).exists():
            raise RecordingError("no such part of the recording", code="recording.not_found")

    def delete(self, id: str) -> None:
        """Delete all files of one that are here; what is left of an earlier attempt, too."""
        try:
            shutil.rmtree(self.place(id))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise RecordingError("the recording can't be deleted", detail=str(error)) from error

    def size(self, id: str) -> int:
        """Return how many bytes its files have; 0 where there are none."""
        try:
            return sum(path.stat().st_size for path in self.place(id).iterdir())
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise RecordingError("the recording can't be read", detail=str(error)) from error

    @property
    def directory(self) -> Path:
        """Where all of them are."""
        return self._directory

    def search(self, query: SearchQuery, *, deadline: float) -> IndexSearch:
        """Begin to search the text of what can be read here."""
        return IndexSearch(self._directory / INDEX, query, deadline=deadline)

    def _stored(self, id: str) -> StoredParts:
        stored = StoredParts(self.place(id), self._objects)
        stored.touch()
        return stored

    def place(self, id: str) -> Path:
        """The directory of one recording, there or not."""
        if not _ID.fullmatch(id):
            raise RecordingError("no such recording", code="recording.not_found")
        return self._directory / id
