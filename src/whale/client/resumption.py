"""The connection of one conversation: the one there is, or the search for the next one.

It decides neither whether a session may go on nor what is said on a new connection: that is the conversation's.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from whale.client.link import Link
from whale.client.status_line import StatusLine
from whale.model.errors import WhaleError

if TYPE_CHECKING:
    from whale.client.race import Target
    from whale.client.reconnect import Reconnect

    BeginSearch = Callable[[float, bytes, Target | None], Reconnect]
    """Begins to look for so many seconds, with an `attach` that goes with the handshake, or with none, first where the
    server was."""

OPENING_PATIENCE = 30.0
"""Seconds to look for a new connection before the server has said how long it keeps the session."""


class Resumption:
    """Holds the link in use. `begin` when it broke; `take` what was found when the search is done."""

    def __init__(self, link: Link, *, begin: "BeginSearch | None" = None, status: StatusLine | None = None) -> None:
        self.link = link
        self.is_lost = False
        """True when the link can be used no more, whether or not there will be another one."""
        self.search: Reconnect | None = None
        self._begin = begin
        self._status = status

    @property
    def is_possible(self) -> bool:
        """True when somebody looks for a new connection where one breaks."""
        return self._begin is not None

    def begin(self, keep: int | None, *, attach: bytes) -> None:
        """Give the link up and look for another one, for as long as the server keeps the session."""
        assert self._begin is not None
        self.link.drop()
        self.search = self._begin(keep or OPENING_PATIENCE, attach, self.link.peer)
        if self._status is not None:
            self._status.show("the connection broke; trying to get it back")

    def hurry(self) -> None:
        """Look now, if there is no connection: the user is here."""
        if self.search is not None:
            self.search.hurry()

    def take(self) -> WhaleError | None:
        """End the search: go on with the link that it found, or return why there is none."""
        assert self.search is not None
        found, self.search = self.search.result(), None
        if isinstance(found, WhaleError):
            return found
        self.link, self.is_lost = found, False
        return None

    def clear_status(self) -> None:
        """Say no longer that the connection broke."""
        if self._status is not None:
            self._status.clear()

    def note(self, text: str, *, otherwise: Callable[[str], None]) -> None:
        """Say where the state of the connection is said what became of it."""
        (self._status.note if self._status is not None else otherwise)(text)
