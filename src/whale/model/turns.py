"""Work that takes a while, in between what people are waiting for: lists of thousands, reviews of all sessions."""

import asyncio
import time
from typing import Final

SLICE: Final = 0.00005
"""Seconds of such work at a time: so long a key may have to wait for it."""

_NOTHING: Final = 0.00005
"""A turn of the event loop that takes no longer had nothing to do: it takes 10 to 20 µs by itself."""

_AT_MOST: Final = 0.002
"""Seconds after which the work goes on, however busy all others are: it has a tenth of a processor at least."""


class Turns:
    """Made where the work begins. Give others theirs before each piece of it, and once after the last."""

    def __init__(self) -> None:
        self._began = 0.0
        """Whatever came before counts: others have theirs first."""

    async def give(self) -> None:
        """Let others go first, if it is time to: until nobody has anything to do.

        One turn would not do: a key needs several from the client to the engine and back, with a slice between any two.
        """
        if (now := time.monotonic()) - self._began < SLICE:
            return
        end = now + _AT_MOST
        while now < end:
            before = now
            await asyncio.sleep(0)
            now = time.monotonic()
            if now - before < _NOTHING:
                break
        self._began = now
