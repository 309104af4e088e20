"""What it means that a refresh token is shown: the next turn, an answer that was lost, or a thief. Pure.

RFC 9700 section 4.14.2: each refresh token is good once, and one that is shown a second time says that two have it. It
can't be known which of them is the thief, so the whole login ends.

A client whose answer was lost has nothing but the token that it showed, and shows it again. That is told apart from
theft by what came of the answer: as long as neither token in it was used, nobody is known to have it. It is then taken
back, and the client gets another one. Who has got the first answer after all, and uses it, ends the login.
"""

from enum import Enum, auto
from typing import Protocol

from whale.model.limits import REFRESH_GRACE


class ShownToken(Protocol):
    """What the table says of a refresh token that was found good so far."""

    @property
    def last_used(self) -> int | None: ...
    @property
    def turn(self) -> int: ...
    @property
    def newest(self) -> int: ...
    @property
    def is_answer_used(self) -> bool: ...


class Verdict(Enum):
    """What to do."""

    ROTATE = auto()
    """Retire it and give out the next turn."""
    REPEAT = auto()
    """Give out a turn in place of the one that was lost."""
    REUSED = auto()
    """End the login."""


def judge(shown: ShownToken, *, now: int) -> Verdict:
    """Decide about a refresh token whose secret is right."""
    if shown.last_used is None and shown.turn == shown.newest:
        return Verdict.ROTATE
    was_just_used = shown.last_used is not None and 0 <= now - shown.last_used <= REFRESH_GRACE
    if shown.turn == shown.newest - 1 and was_just_used and not shown.is_answer_used:
        return Verdict.REPEAT
    return Verdict.REUSED
