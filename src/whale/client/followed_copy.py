"""A copy of a recording that goes on, read here with a key that the server does not have.

The server can't say what is new in it, as it can't read it. So its last file is fetched anew whenever that has become
larger, and once more when there is another one: its bytes are added to, and when it is finished it is written anew.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

from whale.client.own_copy import PIECE, check_libraries
from whale.client.profile import Profile
from whale.client.recordings import fetch_chunk, get_recording
from whale.model.secret import Secret

INTERVAL: Final = 1.0
"""Seconds between two looks for what is new: about as long as it may take until it is in the file."""

GOES_ON: Final = "recording"
"""The status of one to which more is added."""


@contextmanager
def followed_copy(profile: Profile, id: str, *, reason: str = "") -> Iterator["FollowedCopy"]:
    """Copy the files of a recording into a directory that nobody else reads and that is gone after the block."""
    check_libraries()
    with TemporaryDirectory(prefix="whale-recording-") as folder:
        yield FollowedCopy(profile, id, Path(folder), reason=reason)


class FollowedCopy:
    """What of it is here. One reading at a time brings the rest."""

    def __init__(self, profile: Profile, id: str, directory: Path, *, reason: str = "") -> None:
        self.directory = directory
        self._profile = profile
        self._id = id
        self._reason = reason
        self._number = 0

    def refresh(self) -> bool:
        """Fetch what is new; false when nothing will be any more. Raises `WhaleError`."""
        # Asked first: what is fetched of one that is over is all of it.
        goes_on = get_recording(self._profile, self._id).status == GOES_ON
        if not goes_on or self._is_larger():
            self._place(self._number, self._fetched(self._number))
        while (following := self._fetched(self._number + 1)) is not None:
            if not self._is_finished():
                self._place(self._number, self._fetched(self._number))
            self._number += 1
            self._place(self._number, following)
        return goes_on

    @contextmanager
    def open(self, identities: Sequence[Secret], from_ms: int) -> Iterator["FollowedLines"]:
        """Open the lines from a moment on, as those of a server are opened, and as they come."""
        yield FollowedLines(self, identities, from_ms=from_ms)

    def _is_larger(self) -> bool:
        path = self._path(self._number)
        if not path.exists():
            return True
        more = BytesIO()
        size = path.stat().st_size
        fetch_chunk(self._profile, self._id, self._number, more, start=size, reason=self._reason)
        return bool(more.getvalue())

    def _is_finished(self) -> bool:
        from whale.recording.chunk import ChunkReader

        return ChunkReader(self._path(self._number)).ending().end is not None

    def _fetched(self, number: int) -> Path | None:
        """Fetch one file, beside the one that is read meanwhile; None when there is none yet."""
        new = self._path(number).with_suffix(".new")
        with new.open("wb") as file:
            is_there = fetch_chunk(self._profile, self._id, number, file, reason=self._reason)
        return new if is_there else None

    def _place(self, number: int, new: Path | None) -> None:
        if new is not None:
            os.replace(new, self._path(number))

    def _path(self, number: int) -> Path:
        from whale.recording.chunk import file_name

        return self.directory / file_name(number)


class FollowedLines:
    """Its lines, without their ends, from a moment on and to the end of the session. Raises `WhaleError`."""

    def __init__(self, copy: FollowedCopy, identities: Sequence[Secret], *, from_ms: int = 0) -> None:
        self._copy = copy
        self._identities = identities
        self._from_ms = from_ms
        self._interrupted = Event()

    def __iter__(self) -> Iterator[bytes]:
        """Yield them."""
        from whale.recording.tail import TailReader

        goes_on = self._copy.refresh()
        keys = [identity.reveal() for identity in self._identities]
        reader = TailReader(self._copy.directory, at=self._from_ms, identities=keys)
        while not self._interrupted.is_set():
            if piece := reader.read(PIECE):
                yield from piece.splitlines()
            elif not goes_on:
                return
            elif not self._interrupted.wait(INTERVAL):
                goes_on = self._copy.refresh()

    def interrupt(self) -> None:
        """End the iteration from another thread."""
        self._interrupted.set()
