"""The connection of one conversation: the one there is, or the search for the next one.

It decides neither whether a session may go on nor what is said on a new connection: that is the conversation's.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from whale.client.link import Link
from whale.client.status_line import StatusLine
from whale.model.errors import WhaleError

if TYPE_CHECKING:
    from whale.client.lookout import Lookout
    from whale.client.race import Target
    from whale.client.reconnect import Reconnect

    BeginSearch = Callable[[float, bytes | None, Target | None], Reconnect]
    """Begins to look for so many seconds, with an `attach` that goes with the handshake, first where the server was."""

OPENING_PATIENCE = 30.0
"""Seconds to look for a new connection before the server has said how long it keeps the session."""


class Resumption:
    """Holds the link in use. `begin` when it broke; `take` what was found when the search is done."""

    def __init__(self, link: Link, *, begin: "BeginSearch | None" = None, status: StatusLine | None = None) -> None:
        self.link = link
        self.is_lost = False
        """True when the link can be used no more, whether or not there will be another one."""
        self.search: Reconnect | None = None
        self.lookout: Lookout | None = None
        """What looks after the link, once the server has said that it keeps the session."""
        self.asked = b""
        """The `attach` that went with the handshake of the link."""
        self._begin = begin
        self._status = status

    @property
    def is_possible(self) -> bool:
        """True when somebody looks for a new connection where one breaks."""
        return self._begin is not None

    def look_out(self, keep: int) -> None:
        """Look after the link from now on, for a session that the server keeps for so many seconds."""
        if self.lookout is not None:
            self.lookout.follow(self.link)
        elif self._begin is not None:
            from whale.client.lookout import PATIENT, Lookout  # nothing that the first output has to wait for

            begin, text = self._begin, "the server does not answer; looking for another way"
            self.lookout = Lookout(
                self.link,
                begin=lambda: begin(keep, None, self.link.peer),
                tell=lambda: self._show(text, since=time.monotonic() - PATIENT),
            )

    def heard(self) -> None:
        """Something came."""
        if self.lookout is not None and self.lookout.is_alert and self.lookout.heard():
            self.clear_status()

    def close(self) -> None:
        """Look after nothing any more."""
        if self.lookout is not None:
            self.lookout.close()

    def begin(self, keep: int | None, *, attach: bytes) -> None:
        """Give the link up and look for another one, for as long as the server keeps the session."""
        assert self._begin is not None
        self.link.drop()
        beside = self.lookout.let_go() if self.lookout is not None else None
        if beside is not None:
            beside.go(attach)
        self.search = beside or self._begin(keep or OPENING_PATIENCE, attach, self.link.peer)
        self._show("the connection broke; trying to get it back", since=time.monotonic())

    def ask(self, attach: bytes) -> None:
        """Have another `attach` go with what is looked for."""
        if self.search is not None:
            self.search.ask(attach)

    def hurry(self) -> None:
        """Look now, if there is no connection: the user is here."""
        search = self.search or (self.lookout and self.lookout.beside)
        if search:
            search.hurry()

    @property
    def is_found(self) -> bool:
        """True when the search is done. Ask when its descriptor is readable."""
        return self.search is not None and self.search.is_done()

    def take(self) -> WhaleError | None:
        """End the search: go on with the link that it found, or return why there is none."""
        assert self.search is not None
        search, self.search = self.search, None
        found, self.asked = search.result(), search.asked
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

    def _show(self, text: str, *, since: float) -> None:
        if self._status is not None:
            self._status.show(text, since=since)
