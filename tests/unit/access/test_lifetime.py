"""How long a token lives, as people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.access.lifetime import DEFAULT_LIFETIME, MAX_LIFETIME, parse_lifetime
from whale.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("12h", 43200), ("30d", 2592000), ("2w", 1209600), ("3650d", MAX_LIFETIME), ("never", None)],
)
def test_what_is_understood(text: str, seconds: int | None) -> None:
    assert parse_lifetime(text) == seconds


def test_the_default_is_90_days() -> None:
    assert parse_lifetime(DEFAULT_LIFETIME) == 90 * 86400


@pytest.mark.parametrize(
    "text",
    ["", "d", "0d", "-1d", "+1d", "30", "30m", "30D", "1.5d", "3651d", " 1d", "1 d", "٣d", "Never", "9" * 99 + "d"],
)
def test_what_is_not(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_lifetime(text)
    assert "30d" in caught.value.hint


@given(st.text())
def test_it_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        seconds = parse_lifetime(text)
    except UsageError:
        return
    assert seconds is None or 0 < seconds <= MAX_LIFETIME
