"""Keeps an eye on a connection that is there, and looks for another one beside it in good time.

Only a connection is made beside, no handshake: that takes the session over, and is not sent before the conversation has
let the former connection go. What comes on that one meanwhile shows that it lives, and then the other one is dropped.
"""

import time
from typing import TYPE_CHECKING

from whale.client.silence import NEVER, Silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from whale.client.link import Link
    from whale.client.reconnect import Reconnect
    from whale.client.watch import NetworkWatch

CALM = 1.0
"""Seconds after which the network is watched: who only runs a short command does not pay for it."""

GRACE = 0.05
"""Seconds by which the answer on the former connection may be later than the other connection is made. Both take one
round trip, and going on without a change is worth more."""

PATIENT = 1.0
"""Seconds that another connection is looked for before the user hears of it."""


class Lookout:
    """Call `look` when one of `descriptors` is readable or `due` is over, and `heard` when something came."""

    def __init__(self, link: "Link", *, begin: "Callable[[], Reconnect]", tell: "Callable[[], None]") -> None:
        """`begin` looks for another connection and waits there; `tell` says that the server does not answer."""
        self.link = link
        self.beside: Reconnect | None = None
        """The search for another connection, beside this one."""
        self.descriptors: tuple[int, ...] = ()
        """What to wait for."""
        self._begin = begin
        self._tell = tell
        self._watch: NetworkWatch | None = None
        self._silence = Silence(trip=link.trip)
        self._heard = link.heard
        self._has_way = True
        self._is_dead = False
        self._begun = 0.0
        self._connected = NEVER
        self._is_told = False
        self._calm = self._due = time.monotonic() + CALM

    @property
    def due(self) -> float:
        """When to `look` next, if nothing happens before."""
        sent = self.link.awaiting
        if sent == NEVER or self.is_alert:
            return self._due
        return min(self._due, self._silence.due(sent=sent))

    @property
    def is_alert(self) -> bool:
        """True when the server was asked whether it is there, or another connection is looked for."""
        return self.beside is not None or self._silence.is_asked

    def follow(self, link: "Link") -> None:
        """Look after another connection from now on."""
        self.link, self._silence = link, Silence(trip=max(link.trip, self._silence.trip))
        self._heard, self._is_dead = link.heard, False
        self._reset()

    def heard(self) -> bool:
        """Something may have come. True when the user had been told that nothing does.

        It need not be called while it is not `is_alert`.
        """
        if self._heard == self.link.heard:
            return False
        self._heard = self.link.heard
        if not self.is_alert:
            return False
        self._silence.heard(self.link.heard)
        was_told = self._is_told
        if (beside := self.let_go()) is not None:
            beside.discard()
        return was_told

    def let_go(self) -> "Reconnect | None":
        """Hand over the search for another connection, if there is one."""
        beside, self.beside = self.beside, None
        self._connected, self._is_told = NEVER, False
        self._reset()
        return beside

    def look(self) -> bool:
        """Do what there is to do. True when it is time to go on over the connection beside."""
        now = time.monotonic()
        if self._watch is None:
            self._begin_watch()
        elif self._watch.has_changed():
            self._look_for_way(now)
        if self.beside is not None:
            self._look_beside(self.beside, now)
        elif now >= self._silence.due(sent=self.link.awaiting) and not self._is_answered_below():
            if self._silence.is_asked:
                self._look_for_another(now)
            else:
                self._ask(now)
        self._reset()
        return now >= self._connected

    def close(self) -> None:
        """Look no more."""
        if (beside := self.let_go()) is not None:
            beside.discard()
        if self._watch is not None:
            self._watch.close()

    def _begin_watch(self) -> None:
        from whale.client.watch import NetworkWatch

        self._watch = NetworkWatch()

    def _look_for_way(self, now: float) -> None:
        """The network has changed: find out whether that concerns this connection."""
        from whale.client.watch import has_address, way_to

        if self.link.peer is None or self.link.near is None:
            return
        had_way, self._has_way = self._has_way, bool(way_to(*self.link.peer))
        self._is_dead = not has_address(*self.link.near)
        if self._has_way and self.beside is None:
            if not had_way or not self._silence.is_asked:
                # It takes along what waits in the socket since there was no way; the kernel would only try again later.
                self._ask(now, is_news=True)
            if self._is_dead or not had_way:
                self._look_for_another(now)

    def _ask(self, now: float, *, is_news: bool = False) -> None:
        self._note_heard()
        self._silence.asked(now, is_news=is_news)
        self.link.send_ping()

    def _note_heard(self) -> None:
        """What came before this matters no more: while nothing was the matter nobody told us of it."""
        if not self.is_alert:
            self._heard = self.link.heard

    def _is_answered_below(self) -> bool:
        ago = self.link.acknowledged_ago() if self._silence.is_asked else None
        return ago is not None and self._silence.acknowledged(time.monotonic() - ago)

    def _look_for_another(self, now: float) -> None:
        self._note_heard()
        self.beside, self._begun = self._begin(), now

    def _look_beside(self, beside: "Reconnect", now: float) -> None:
        if beside.is_done():
            beside.discard()  # in vain; there is another one when this ping had no answer either
            self.let_go()
            self._ask(now)
        elif beside.is_connected and self._connected == NEVER:
            self._connected = now if self._is_dead else now + GRACE
        if not self._is_told and now - self._begun >= PATIENT:
            self._is_told = True
            self._tell()

    def _reset(self) -> None:
        """Set what to wait for, and how long, if nothing is sent before."""
        watched = [] if self._watch is None or self._watch.descriptor < 0 else [self._watch.descriptor]
        if self.beside is None:
            self._due = self._silence.due(sent=NEVER) if self._watch is not None else self._calm
        else:
            watched += [self.beside.descriptor] if self._connected == NEVER else []
            self._due = min(self._connected, NEVER if self._is_told else self._begun + PATIENT)
        self.descriptors = tuple(watched)
