"""Moments as people write them."""

import pytest

from whale.model.errors import UsageError
from whale.model.moment import parse_moment

NOW = 1_800_000_000.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", NOW),
        ("90s", NOW - 90),
        ("5m", NOW - 300),
        ("2h", NOW - 7200),
        ("7d", NOW - 7 * 86_400),
        ("2w", NOW - 14 * 86_400),
        ("2027-01-15", 1_799_971_200),
        ("2027-01-15T08:00", 1_800_000_000),
        ("2027-01-15 08:00:00Z", 1_800_000_000),
        ("2027-01-15T09:00:00+01:00", 1_800_000_000),
        ("2027-01-15T08:00:00.250001Z", 1_800_000_000.250001),
        ("0001-01-01", -62_135_596_800),
    ],
)
def test_is_understood(text: str, seconds: float) -> None:
    assert parse_moment(text, now=NOW) == round(seconds * 1e6)


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "-5m", "5y", "5 m", "٣m", "yesterday", "2027-13-01", "2027-01-15T25:00", "2027-W01", "1" * 40],
)
def test_is_not_understood(text: str) -> None:
    with pytest.raises(UsageError, match="not understood"):
        parse_moment(text, now=NOW)
