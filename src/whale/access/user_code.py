"""The code that people read on one screen and type on another (RFC 8628 section 6.1), and how many may be guessed."""

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Final

from whale.model.errors import WhaleError
from whale.model.limits import MAX_WRONG_CODES, MAX_WRONG_CODES_EACH

LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no words come out, and nothing that looks like a digit."""

LENGTH: Final = 8
WINDOW: Final = 60.0


def new_user_code() -> str:
    """Make a code, such as BCDF-GHJK."""
    return _written("".join(secrets.choice(LETTERS) for _ in range(LENGTH)))


def read_user_code(typed: str) -> str:
    """Read a code as people type it, with or without the dash, in whatever case; empty for what is none."""
    letters = "".join(letter for letter in typed[:64].upper() if letter not in " -\t")
    return _written(letters) if len(letters) == LENGTH and set(letters) <= set(LETTERS) else ""


class Guesses:
    """Counts wrong codes, by address and in all, in windows of a minute. It remembers MAX_WRONG_CODES at most."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._wrong: Counter[str] = Counter()

    def check(self, address: str) -> None:
        """Raise `WhaleError` (login.limit) when no more codes are looked at for now."""
        if self._clock() - self._began >= WINDOW:
            self._began = self._clock()
            self._wrong.clear()
        if self._wrong.get(address, 0) >= MAX_WRONG_CODES_EACH or self._wrong.total() >= MAX_WRONG_CODES:
            raise WhaleError("too many wrong codes", code="login.limit", hint="wait a minute, and type it with care")

    def wrong(self, address: str) -> None:
        """Note a wrong one, after `check`."""
        self._wrong[address] += 1


def _written(letters: str) -> str:
    return f"{letters[:4]}-{letters[4:]}"
