"""How many of something count for themselves in a second."""


class Allowance:
    """So many in a second; what is over is counted and handed to the next one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = 0
        self._used = 0
        self._held = 0

    def take(self, now: float) -> int:
        """How many this one stands for, itself included; 0 when it has to wait for the next."""
        if int(now) != self._second:
            self._second, self._used = int(now), 0
        self._held += 1
        if self._used >= self._limit:
            return 0
        self._used += 1
        held, self._held = self._held, 0
        return held
