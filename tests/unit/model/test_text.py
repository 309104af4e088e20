"""Hostile text becomes harmless text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.model.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1", "web-1"),
        ("größe 漢字 🐋", "größe 漢字 🐋"),
        ("", ""),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\nb\rc\td\0", r"a\nb\rc\td\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(alphabet=st.characters()))
def test_the_result_always_prints(text: str) -> None:
    assert printable(text).isprintable()
