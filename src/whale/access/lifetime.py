"""How long a token lives, as people write it. Pure."""

from typing import Final

from whale.model.errors import UsageError

DEFAULT_LIFETIME: Final = "90d"

MAX_LIFETIME: Final = 10 * 365 * 86400
"""Seconds. Who wants longer says `never` and means it."""

_UNITS: Final = {"h": 3600, "d": 86400, "w": 7 * 86400}


def parse_lifetime(text: str) -> int | None:
    """Read `30d`, `12h`, `2w` or `never` as seconds; None is never. Raises `UsageError`."""
    if text == "never":
        return None
    count, unit = text[:-1], text[-1:]
    if unit in _UNITS and count.isascii() and count.isdigit() and len(count) <= 9:
        seconds = int(count) * _UNITS[unit]
        if 0 < seconds <= MAX_LIFETIME:
            return seconds
    raise UsageError("the lifetime is not understood", hint="use for example 30d, 12h, 2w or never; at most 3650d")
