"""A length of time as people write it: 30m, 2h, 1d. Pure."""

import re

from whale.model.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LENGTH = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)


def parse_duration(text: str) -> int:
    """Read `90s`, `30m`, `2h` or `1d` as seconds. Raises `UsageError`."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise UsageError("the length of time is not understood", hint="use for example 30m, 2h or 1d")
    return int(found[1]) * _UNITS[found[2]]
