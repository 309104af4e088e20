"""A moment as people write it: how long ago, a date, or a time. Pure."""

import re
from datetime import UTC, datetime

from whale.model.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_AGO = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def parse_moment(text: str, *, now: float) -> int:
    """Read `90m` (ago), `2027-01-15` or `2027-01-15T08:00:00Z` as microseconds since 1970; without a zone it is UTC.

    Raises `UsageError`.
    """
    if found := _AGO.fullmatch(text):
        return round((now - int(found[1]) * _UNITS[found[2]]) * 1e6)
    try:
        moment = datetime.fromisoformat(text if _WRITTEN.fullmatch(text) else "")
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "the time is not understood", hint="use for example 30m, 2h or 7d for so long ago, or 2027-01-15T08:00:00Z"
        ) from error
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
