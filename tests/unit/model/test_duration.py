"""Lengths of time as people write them."""

import pytest

from whale.model.duration import parse_duration
from whale.model.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800)])
def test_reads(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "-1h", "1.5h", "1w", "1h ", "1h30m", "١h", "9999999d"])
def test_is_not_understood(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)
