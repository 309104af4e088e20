"""Puts parts of recordings into the object store when nothing is added to them any more, and makes room here.

What is not there yet is found out at each start, so nothing has to be remembered. While the store can't be reached,
parts stay here, and are tried again for ever: each time later, up to a minute.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from whale.model.errors import RecordingError, WhaleError
from whale.model.limits import MIB
from whale.model.recordings import Recording, RecordingStatus
from whale.recording.chunk import chunk_files, damaged, file_name, open_file
from whale.recording.objects import ObjectStore
from whale.recording.shelf import RecordingShelf
from whale.recording.stored import MANIFEST, encode_manifest, make_manifest, make_room, write_manifest
from whale.server.config_s3 import S3Section
from whale.store.recordings import RecordingTable

INTERVAL: Final = 600.0
"""Seconds between two looks for what nobody has said anything of."""

FIRST_PAUSE: Final = 1.0
LAST_PAUSE: Final = 60.0
"""Seconds until the next attempt, at first and in the end."""

ROOM_INTERVAL: Final = 30.0
"""Seconds between two looks for room, while parts are fetched to be read."""

ROOM_EVERY: Final = 256 * MIB
"""Bytes that are stored between two looks for room here."""

PAGE: Final = 200

_log = structlog.get_logger("whale.server")


class RecordingUpload:
    """One per server that has an object store. `run` until it is cancelled."""

    def __init__(self, config: S3Section, shelf: RecordingShelf, objects: ObjectStore, table: RecordingTable) -> None:
        self._keep = config.local_bytes
        self._shelf = shelf
        self._objects = objects
        self._table = table
        self._due: dict[str, None] = {}
        self._is_due = asyncio.Event()
        self._parts: dict[str, int] = {}
        """How many parts are in the store, of those that go on."""
        self._is_busy = asyncio.Lock()
        self._is_failing = False
        self._roomy_until = self._fetched = 0
        """When room was made: so many bytes may be stored until then again, and so many were fetched."""
        self.failures = 0
        """Attempts that have failed."""
        self.uploaded = 0
        """Bytes that were stored."""

    @property
    def waiting(self) -> int:
        """Recordings that have something that is not in the store."""
        return len(self._due)

    @property
    def fetched(self) -> int:
        """Bytes that were read again."""
        return self._objects.fetched

    def changed(self, recording: Recording) -> None:
        """Note that there is a part more of one."""
        self._due[recording.id] = None
        self._is_due.set()

    async def run(self) -> None:
        """Upload what is there, and what comes."""
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            if loop.time() >= look_at:
                await self._look()
                look_at = loop.time() + INTERVAL
            elif self._objects.fetched != self._fetched:
                await self._make_room()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(ROOM_INTERVAL, INTERVAL)):
                    await self._is_due.wait()
            await self._upload_due()

    async def delete(self, id: str) -> None:
        """Delete what is in the store of one whose row says so. Raises `RecordingError` when that is not certain."""
        async with self._is_busy:  # or a part might be stored behind it
            self._forget(id)
            await self._objects.delete(id)

    async def _look(self) -> None:
        """Find what is not in the store, and what takes too much room here."""
        try:
            after = (0, "")
            while page := await self._table.not_uploaded(after=after, limit=PAGE):
                for row in page:
                    self.changed(row)
                after = (page[-1].started, page[-1].id)
        except WhaleError as error:
            _log.warning("recordings.not_looked_at", error=str(error))
        await self._make_room()

    async def _make_room(self) -> None:
        self._roomy_until, self._fetched = self.uploaded + ROOM_EVERY, self._objects.fetched
        try:
            gone = await asyncio.to_thread(make_room, self._shelf.directory, keep=self._keep)
        except WhaleError as error:
            _log.warning("recordings.not_moved", error=str(error))
            return
        if gone:
            _log.info("recordings.moved", bytes=gone)

    async def _upload_due(self) -> None:
        pause = FIRST_PAUSE
        while self._due:
            id = next(iter(self._due))
            try:
                await self._upload(id)
                if self.uploaded >= self._roomy_until:
                    await self._make_room()
            except WhaleError as error:
                self._failed(id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE)
            else:
                self._is_failing, pause = False, FIRST_PAUSE
        self._is_due.clear()

    def _failed(self, id: str, error: WhaleError) -> None:
        if error.code == "recording.not_found":
            self._forget(id)
            return
        self.failures += 1
        if error.code == "recording.damaged":
            _log.error("recording.not_uploaded", recording=id, error=str(error), detail=error.detail)
            self._forget(id)  # until the next look
            return
        if not self._is_failing:
            _log.error("recordings.not_uploaded", error=str(error), detail=error.detail, waiting=self.waiting)
        self._is_failing = True
        if id in self._due:  # behind the others: it may be this one that can't be read
            del self._due[id]
            self._due[id] = None

    async def _upload(self, id: str) -> None:
        """Upload what is not there yet of one, and does not change any more."""
        row = await self._table.find(id)
        if row is None:
            self._forget(id)
        elif row.state.status is RecordingStatus.RECORDING:
            await self._put_parts(id, row.state.chunks)
            if (now := await self._table.find(id)) is None or now.state == row.state:
                self._due.pop(id, None)
        else:
            await self._upload_whole(id)

    async def _upload_whole(self, id: str) -> None:
        place = self._shelf.place(id)
        if await asyncio.to_thread(_is_to_store, place):
            manifest = await asyncio.to_thread(make_manifest, place)
            await self._put_parts(id, len(manifest.parts))
            # Last and here, too: who finds it knows that all is there.
            await self._put(id, MANIFEST, encode_manifest(manifest))
            await asyncio.to_thread(write_manifest, place, manifest)
        await self._table.set_uploaded(id)
        self._forget(id)

    async def _put_parts(self, id: str, count: int) -> None:
        """Upload parts from where this server is: what an earlier one has stored is stored once more."""
        for number in range(self._parts.get(id, 0), count):
            path = self._shelf.place(id) / file_name(number)
            await self._put(id, path.name, await asyncio.to_thread(_read, path))
            self._parts[id] = number + 1

    async def _put(self, id: str, name: str, data: bytes) -> None:
        async with self._is_busy:
            if await self._table.find(id) is None:  # or what is deleted would come back
                raise RecordingError("the recording is deleted", code="recording.not_found")
            await self._objects.put(f"{id}/{name}", data)
            self.uploaded += len(data)

    def _forget(self, id: str) -> None:
        self._due.pop(id, None)
        self._parts.pop(id, None)


def _is_to_store(place: Path) -> bool:
    """Whether there is something: not of one that could not be begun, or that an earlier server has stored.

    Of the latter the files may be gone already: whoever makes room goes by the manifest.
    """
    return place.exists() and not (place / MANIFEST).exists() and bool(chunk_files(place))


def _read(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            return file.read()
    except OSError as error:
        raise damaged(path, str(error)) from error
