"""Lengths of time as people write them."""

import pytest

from whale.model.duration import parse_duration, parse_position
from whale.model.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800)])
def test_reads(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "-1h", "1.5h", "1w", "1h ", "1h30m", "١h", "9999999d"])
def test_is_not_understood(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0), ("90", 90_000), ("90.5", 90_500), ("1:30", 90_000), ("1:02:03", 3_723_000), ("0:00.250", 250),
        ("1h2m3s", 3_723_000), ("2m", 120_000), ("1h", 3_600_000), ("1.5s", 1500), ("30000", 30_000_000),
    ],
)  # fmt: skip
def test_reads_a_moment_of_a_recording(text: str, ms: int) -> None:
    assert parse_position(text) == ms


@pytest.mark.parametrize("text", ["", "-1", ":1", "1:", "m", "1m2h", "1e3", "1:2:3:4", "nan", "1.", "٣"])
def test_no_moment_of_a_recording(text: str) -> None:
    with pytest.raises(UsageError):
        parse_position(text)
