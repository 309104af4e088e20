"""What is put away of each session for the next server: its memory, and the descriptors of its exec.

A keeper that is lost is started again, and gets everything once more. A session that can't be kept is told so nowhere:
it goes on, and ends with this server.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterable

import structlog

from whale.keeper.seam import Item, Keeper
from whale.model.errors import KeeperError, KeeperLost
from whale.model.ids import SessionId

_log = structlog.get_logger("whale.session")


class Shelf:
    """All that the keeper has of this server."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._items: dict[SessionId, tuple[int, ...]] = {}
        self._watched = -1

    @property
    def is_useful(self) -> bool:
        """True when what is put here outlives the server."""
        return self.keeper.kind != "none"

    @property
    def descriptors(self) -> int:
        """How many the keeper has of this server."""
        return sum(map(len, self._items.values()))

    def __contains__(self, session: object) -> bool:
        return session in self._items

    def put(self, session: SessionId, descriptors: Iterable[int]) -> None:
        """Have these kept instead of what was kept of a session. They must stay open until the next call."""
        kept = self._items[session] = tuple(descriptors)
        try:
            self.keeper.put(session, kept)
        except KeeperLost:
            self._renew()
        except KeeperError as error:
            del self._items[session]
            _log.error("session.not_kept", session=session, error=str(error))

    def remove(self, session: SessionId) -> None:
        """Keep nothing of a session any more. Idempotent."""
        if self._items.pop(session, None) is None:
            return
        try:
            self.keeper.remove(session)
        except KeeperLost:
            self._renew()

    def discard(self, item: Item) -> None:
        """Let go of what an earlier server left and nobody can use."""
        for descriptor in item.descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._items[SessionId(item.name)] = ()
        self.remove(SessionId(item.name))

    def watch(self) -> None:
        """Listen to the keeper from here on, in the running event loop, until `close`."""
        self._watched = self.keeper.descriptor
        if self._watched >= 0:
            asyncio.get_running_loop().add_reader(self._watched, self._heard)

    def close(self) -> None:
        """Let go of the keeper, which goes on keeping. Idempotent."""
        self._unwatch()
        self.keeper.close()

    def _unwatch(self) -> None:
        if self._watched >= 0:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = -1

    def _heard(self) -> None:
        try:
            self.keeper.check()
        except KeeperLost:
            self._renew()
        except KeeperError as error:
            _log.error("sessions.not_kept", error=str(error))

    def _renew(self) -> None:
        _log.warning("keeper.lost", sessions=len(self._items))
        self._unwatch()  # it gets another descriptor
        try:
            self.keeper.renew(Item(name, descriptors) for name, descriptors in self._items.items())
        except KeeperError as error:
            _log.error("keeper.not_renewed", error=str(error))
        else:
            self.watch()
