"""What can be a reason."""

import pytest

from whale.model.purpose import MAX_PURPOSE, is_purpose


@pytest.mark.parametrize("text", ["", "ticket 42", "Störung läuft", "x" * MAX_PURPOSE])
def test_takes_one_line(text: str) -> None:
    assert is_purpose(text)


@pytest.mark.parametrize("text", ["x" * (MAX_PURPOSE + 1), "a\nb", "\x1b[2J", "a\0b", "a\x7f", "\ud800", "a\u2028b"])
def test_takes_nothing_that_moves_a_cursor(text: str) -> None:
    assert not is_purpose(text)
