"""Patterns for claims: `*` is any text without `/` and `:`, `**` is any text. All else means itself. Pure.

Issuers join parts that people choose by these two characters (`repo:acme/app:ref:refs/heads/main`), so that a `*` never
reaches into the next part. What is matched takes time by the length of the pattern and the value, and no more.
"""

import re
from typing import Final

MAX_VALUE: Final = 1024
"""Characters of a pattern, and of a value that one may fit."""

_SEPARATORS: Final = frozenset("/:")
_STARS: Final = re.compile(r"(\*\*|\*)")


def is_pattern(text: str) -> bool:
    """True for what may be one: it names something, which stars alone do not."""
    return len(text) <= MAX_VALUE and text.isprintable() and bool(text.strip("*"))


def fits(pattern: str, value: str) -> bool:
    """Tell whether a value is what the pattern says, from its first character to its last."""
    # A line feed, say, is no part of a name, and what comes behind one would be.
    if len(value) > MAX_VALUE or not value.isprintable():
        return False
    ends = {0}
    for piece in _STARS.split(pattern):
        if piece in ("*", "**"):
            ends = _stretched(ends, value, stops=_SEPARATORS if piece == "*" else frozenset())
        else:
            ends = {at + len(piece) for at in ends if value.startswith(piece, at)}
    return len(value) in ends


def _stretched(ends: set[int], value: str, *, stops: frozenset[str]) -> set[int]:
    """Where something that begins at one of `ends` may end, when it has none of these characters in it."""
    found, is_reached = set[int](), False
    for at in range(len(value) + 1):
        is_reached = at in ends or (is_reached and value[at - 1] not in stops)
        if is_reached:
            found.add(at)
    return found
