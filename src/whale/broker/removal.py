"""Deletes recordings, wherever their parts are, for those who ask and for retention.

A deletion is claimed in the recording's row before anything else happens, where a hold looks at it and it at holds: one
of the two is first, and the other one is told. From then on nobody finds the recording any more. What a deletion leaves
that was cut short, `finish` deletes later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

from whale.model.errors import RecordingError, WhaleError
from whale.model.recordings import Recording

BATCH: Final = 100

Event = Callable[[Recording], Callable[[], Awaitable[None]]]
"""Begins to write that one is deleted; what it returns waits for that, and raises `WhaleError` when it can't be."""

_log = structlog.get_logger("whale.broker")


class RemovalStore(Protocol):
    """The rows: `whale.store.recordings` has the real one. Raises `WhaleError`."""

    async def claim_deletion(self, id: str) -> bool: ...
    async def release_deletion(self, id: str) -> bool: ...
    async def being_deleted(self, *, after: tuple[int, str], limit: int) -> Sequence[Recording]: ...
    async def delete(self, id: str) -> bool: ...


class RemovalShelf(Protocol):
    """Where the files are. Blocking, and called in worker threads. Raises `RecordingError`."""

    def delete(self, id: str) -> None: ...


class Removal:
    """One per server."""

    def __init__(
        self, store: RemovalStore, shelf: RemovalShelf, *, forget: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        """`forget` waits until nothing of one is left beside its files: in an object store, in the index."""
        self._store = store
        self._shelf = shelf
        self._forget = forget

    async def remove(self, recording: Recording, event: Event) -> bool:
        """Delete one; false when somebody holds it, or deletes it already.

        The event is waited for first: without it all stays as it was, and its error is raised. Raises `RecordingError`
        when not all of it could be deleted; nobody finds it then, and `finish` goes on with it.
        """
        if not await self._store.claim_deletion(recording.id):
            return False
        try:
            await event(recording)()
        except BaseException:
            await self._store.release_deletion(recording.id)
            raise
        await self._remove(recording.id)
        return True

    async def finish(self, event: Event) -> int:
        """Go on with what was cut short; return how many are gone. Raises `WhaleError` where the store is away.

        That it happens now is in the trail, too, before it does.
        """
        count, after = 0, (0, "")
        while found := await self._store.being_deleted(after=after, limit=BATCH):
            for recording in found:
                await event(recording)()
                count += await self._finish(recording)
            after = (found[-1].started, found[-1].id)
        return count

    async def _finish(self, recording: Recording) -> bool:
        try:
            await self._remove(recording.id)
        except RecordingError as error:
            if error.code == "recording.unavailable":
                raise
            _log.error("recording.not_deleted", recording=recording.id, error=str(error), detail=error.detail)
            return False
        return True

    async def _remove(self, id: str) -> None:
        try:
            if self._forget is not None:
                await self._forget(id)
            # The row last: it is what a deletion that was cut short is found by.
            await asyncio.to_thread(self._shelf.delete, id)
            await self._store.delete(id)
        except WhaleError as error:
            raise RecordingError(
                "the recording is not wholly deleted yet",
                code=error.code if error.code == "recording.unavailable" else "recording.not_deleted",
                hint="nobody finds it any more, and the server tries again to delete what is left of it",
                detail=f"{error}: {error.detail}",
            ) from error
