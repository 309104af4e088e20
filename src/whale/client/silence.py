"""When a connection that is silent is asked whether it is still there, and when that took too long. Pure: no clock.

Silence alone means nothing: a command may have nothing to say. It counts from what was sent and had no answer.
"""

QUIET = 1.0
"""Seconds, beside a round trip, for something to come back after input was sent, before a ping asks."""

ANSWER_TIMEOUT = 2.0
"""Seconds, beside `TRIPS` of the longest round trip seen, for the answer to a ping."""

TRIPS = 3

LONGEST_TRIP = 5.0
"""Seconds that a round trip counts as at the most: one stall is no reason to wait for minutes ever after."""

NEWS_TRIPS, NEWS_TIMEOUT = 2, 0.1
"""The same two when the network has changed: it is likely then, and all that follows is another connection."""

NEVER = float("inf")


class Silence:
    """Tell it what was `asked` and `heard`, at what time; ask when something is `due`."""

    __slots__ = ("_asked", "_patience", "trip")

    def __init__(self, *, trip: float) -> None:
        self.trip = min(trip, LONGEST_TRIP)
        """The longest round trip seen, in seconds."""
        self._asked = NEVER
        self._patience = 0.0

    @property
    def is_asked(self) -> bool:
        """True when a ping is on its way, or its answer."""
        return self._asked < NEVER

    def due(self, *, sent: float) -> float:
        """When to ask, and when that was done, when to give up waiting for the answer.

        `sent` is when the first of what nothing has come after was sent, or `NEVER`.
        """
        return self._asked + self._patience if self.is_asked else sent + self.trip + QUIET

    def asked(self, now: float, *, is_news: bool = False) -> None:
        """A ping was sent; `is_news` because the network has changed."""
        self._asked = now
        self._patience = NEWS_TRIPS * self.trip + NEWS_TIMEOUT if is_news else TRIPS * self.trip + ANSWER_TIMEOUT

    def acknowledged(self, at: float) -> bool:
        """The other end's kernel has had something since the ping: it is there, and the answer gets more time.

        A ping goes behind what the socket holds already, which on a slow line is many seconds of bulk data. True when
        that makes a difference.
        """
        if not self.is_asked or at <= self._asked:
            return False
        self._asked, self._patience = at, TRIPS * self.trip + ANSWER_TIMEOUT
        return True

    def heard(self, now: float) -> None:
        """Something came."""
        if self.is_asked:
            self.trip = max(self.trip, min(now - self._asked, LONGEST_TRIP))
        self._asked = NEVER
