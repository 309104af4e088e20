import re

import pytest

from whale.access.user_code import LETTERS, WINDOW, Guesses, new_user_code, read_user_code
from whale.model.errors import WhaleError
from whale.model.limits import MAX_WRONG_CODES, MAX_WRONG_CODES_EACH


def test_codes_can_be_read_and_typed() -> None:
    made = {new_user_code() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", code) for code in made)


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b-c-d-f-g-h-j-k"])
def test_however_it_is_typed(typed: str) -> None:
    assert read_user_code(typed) == "BCDF-GHJK"


@pytest.mark.parametrize(
    "typed", ["", "BCDF", "BCDF-GHJKL", "ABCD-EFGH", "bcdf-ghj\u212a", "x" * 100, "<script>", "ßßßßßßßß"]
)
def test_what_is_none(typed: str) -> None:
    assert read_user_code(typed) == ""


def test_wrong_codes_are_counted_by_address_and_in_all() -> None:
    now = [0.0]
    guesses = Guesses(lambda: now[0])

    def wrong(address: str, times: int) -> int:
        for done in range(times):
            try:
                guesses.check(address)
            except WhaleError:
                return done
            guesses.wrong(address)
        return times

    assert wrong("a", 99) == MAX_WRONG_CODES_EACH
    assert wrong("b", 1) == 1
    assert sum(wrong(f"c{n}", 5) for n in range(99)) == MAX_WRONG_CODES - MAX_WRONG_CODES_EACH - 1
    assert len(guesses._wrong) <= MAX_WRONG_CODES
    assert wrong("new", 1) == 0
    now[0] = WINDOW
    assert wrong("a", 1) == 1
