"""How much of the processor one emulator may use.

A few bytes can be made to cost a terminal much: repeat this character 65535 times, fill the screen, reset. A program
that does nothing else must not hold up everyone's sessions. The allowance grows with the bytes and with the time that
passes, many times faster than the output of programs uses it up.
"""

import time
from collections.abc import Callable

BURST = 0.1
"""Seconds of processor time that may be used ahead, and that are there at the start."""

PER_BYTE = 0.5e-6
"""Seconds earned by a byte. Coloured listings take 0.004 µs a byte, random bytes 0.03, and the slowest text measured,
fifty accents on each letter of a huge screen, 0.38."""

SHARE = 0.1
"""Part of the time that passes which is earned: a program that clears its screen now and then sends few bytes."""


class Allowance:
    """Seconds of processor time left. `spend` says when they are used up."""

    __slots__ = ("_clock", "_earned_at", "_left")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._earned_at = clock()
        self._left = BURST

    def spend(self, seconds: float, *, size: int) -> bool:
        """Take off what `size` bytes took; False when there is nothing left."""
        now = self._clock()
        earned = size * PER_BYTE + (now - self._earned_at) * SHARE
        self._earned_at = now
        self._left = min(self._left + earned, BURST) - seconds
        return self._left > 0
