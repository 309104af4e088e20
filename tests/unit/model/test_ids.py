"""Session ids can't be guessed and do not repeat."""

import string

from whale.model.ids import new_session_id


def test_an_id_is_32_hexadecimal_digits() -> None:
    made = new_session_id()
    assert len(made) == 32
    assert set(made) <= set(string.hexdigits.lower())


def test_no_two_are_equal() -> None:
    assert len({new_session_id() for _ in range(1000)}) == 1000
