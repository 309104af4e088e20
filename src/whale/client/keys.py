"""The keys of a player, told from everything else that a terminal sends. Pure.

A terminal sends more than keys: reports of the mouse and the focus that a recording has switched on, and answers. They
are swallowed as a whole, so that no letter in them is taken for a key.
"""

import re
from enum import Enum
from typing import Final


class PlayKey(Enum):
    """What a player can be told."""

    PAUSE = " "
    STEP = "."
    PREVIOUS_MARKER = "["
    NEXT_MARKER = "]"
    BACK = "left"
    FORWARD = "right"
    FASTER = "+"
    SLOWER = "-"
    NEXT_HIT = "n"
    PREVIOUS_HIT = "N"
    QUIT = "q"
    INTERRUPT = "\x03"


_PLAIN: Final = {key.value.encode(): key for key in PlayKey if len(key.value) == 1} | {b"=": PlayKey.FASTER}
_ARROWS: Final = {b"D": PlayKey.BACK, b"C": PlayKey.FORWARD}
_TOKEN: Final = re.compile(
    rb"\x1b\[M[\s\S]{3}"  # the oldest report of the mouse has no end of its own
    rb"|\x1b(?:\[(?!M)|O)(?P<arguments>[0-?]*)[ -/]*(?P<final>[@-~])"
    rb"|\x1b[\]PX^_](?:[^\x07\x1b]|\x1b(?!\\))*?(?:\x07|\x1b\\)"
    rb"|\x1b[^\[O\]PX^_]"
    rb"|(?P<plain>[^\x1b])"
)
MAX_HELD: Final = 4096


class KeyReader:
    """Feed it what the terminal sends."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[PlayKey]:
        """Return the keys that are in it."""
        data, self._held = self._held + data, b""
        keys, at = [], 0
        while at < len(data):
            found = _TOKEN.match(data, at)
            if found is None:
                # The beginning of a sequence; what is too long for one is nothing.
                self._held = data[at:] if len(data) - at <= MAX_HELD else b""
                break
            at = found.end()
            if key := _key(found):
                keys.append(key)
        return keys

    def settle(self) -> None:
        """Nothing more came for a while: an escape that was begun was the key."""
        self._held = b""


def _key(found: re.Match[bytes]) -> PlayKey | None:
    if (plain := found["plain"]) is not None:
        return _PLAIN.get(plain)
    if found["final"] is not None and not found["arguments"]:
        return _ARROWS.get(found["final"])
    return None
