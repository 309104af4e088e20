"""Who is waited for and how long: the clocks of those who are lost, and that of a session that was left to itself.

It only waits. What is to happen when a time is up is the attendance's to say.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from whale.model.limits import KEEP
from whale.model.role import Role
from whale.session.attachment import Attachment


class Ending(Protocol):
    """The part of a session that is needed here."""

    @property
    def is_over(self) -> bool:
        """True when no more output comes and how it ended is known."""
        ...


class Waiting:
    """One per session. Needs a running event loop as soon as somebody is waited for."""

    def __init__(
        self, session: Ending, *, keep: float, given_up: Callable[[Attachment], None], run_out: Callable[[], None]
    ) -> None:
        """`given_up` is told of one that did not come back in time, `run_out` that nobody did at all."""
        self.keep = keep
        """Seconds to wait for a controller whose connection broke, or for anybody after one detached."""
        self._session = session
        self._given_up = given_up
        self._run_out = run_out
        self._expiries: dict[Attachment, asyncio.TimerHandle] = {}
        """The longest lost first."""
        self._detached: asyncio.TimerHandle | None = None
        self._left_at: float | None = None
        """When a controller last detached, and was told how long the session goes on; None when one came after it."""

    @property
    def patience(self) -> float:
        """Seconds to wait for anybody: who was never here, or left, does not ask so late how a session ended."""
        return min(self.keep, KEEP) if self._session.is_over else self.keep

    # -- those who are lost ------------------------------------------------------------------------------------

    @property
    def lost(self) -> tuple[Attachment, ...]:
        """Those who may come back, the longest lost first."""
        return tuple(self._expiries)

    def wait_for(self, lost: Attachment) -> None:
        """Wait for one, who learns how the session ended whenever it comes back in its time."""
        self._expiries[lost] = asyncio.get_running_loop().call_later(self.keep, self._given_up, lost)

    def forget(self, attachment: Attachment) -> None:
        """Wait for one no longer, if anybody did."""
        expiry = self._expiries.pop(attachment, None)
        if expiry is not None:
            expiry.cancel()

    # -- anybody -----------------------------------------------------------------------------------------------

    @property
    def is_for_anybody(self) -> bool:
        """True when the session was left to itself."""
        return self._detached is not None

    @property
    def was_left(self) -> bool:
        """True when a controller has detached, and none has come after it."""
        return self._left_at is not None

    def leave(self) -> None:
        """Note that a controller has detached. From here on the session has its time, whoever is waited for."""
        self._left_at = asyncio.get_running_loop().time()

    def wait_for_anybody(self, *, since_left: bool = False) -> None:
        """Start the clock, now or at the time when a controller last detached."""
        loop = asyncio.get_running_loop()
        begin = self._left_at if since_left and self._left_at is not None else loop.time()
        self._detached = loop.call_at(begin + self.patience, self._run_out)

    def come(self, role: Role) -> None:
        """Note that somebody is there. A viewer stops no clock."""
        if role is Role.VIEWER:
            return
        self._left_at = None
        if self._detached is not None:
            self._detached.cancel()
            self._detached = None

    # -- the end -----------------------------------------------------------------------------------------------

    def shorten(self) -> None:
        """Note that the session is over: anybody is not waited for as long as while it lived."""
        if self._detached is not None:
            self._detached.cancel()
            self.wait_for_anybody()

    def stop(self) -> None:
        """Wait for nobody any more. Idempotent."""
        for expiry in (self._detached, *self._expiries.values()):
            if expiry is not None:
                expiry.cancel()
