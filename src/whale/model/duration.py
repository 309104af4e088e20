"""A length of time as people write it: 30m, 2h, 1d; and a moment of a recording: 90, 1:30, 1h2m. Pure."""

import re

from whale.model.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LENGTH = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_CLOCK = re.compile(r"(?:(?:([0-9]{1,4}):)?([0-9]{1,4}):)?([0-9]{1,7}(?:\.[0-9]{1,3})?)", re.ASCII)
_WORDS = re.compile(r"(?=[0-9])(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,7}(?:\.[0-9]{1,3})?)s)?", re.ASCII)


def parse_duration(text: str) -> int:
    """Read `90s`, `30m`, `2h` or `1d` as seconds. Raises `UsageError`."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise UsageError("the length of time is not understood", hint="use for example 30m, 2h or 1d")
    return int(found[1]) * _UNITS[found[2]]


def parse_position(text: str) -> int:
    """Read `90`, `90.5`, `1:30`, `1:02:03` or `1h2m3s` as milliseconds from the beginning. Raises `UsageError`."""
    found = _CLOCK.fullmatch(text) or _WORDS.fullmatch(text)
    if found is None:
        raise UsageError("the moment is not understood", hint="use for example 90, 1:30, 1:02:03 or 1h2m3s")
    hours, minutes, seconds = found.groups()
    return (int(hours or 0) * 3600 + int(minutes or 0) * 60) * 1000 + round(float(seconds or 0) * 1000)
