"""The user that a command runs as in its container, in one form whatever way it was written. Pure.

Engines read `0`, `00`, `+0`, `root`, `root:0` and nothing at all as the same user, so policies must see one.
"""

import re
from typing import NamedTuple

ROOT = "root"

_NUMBER = re.compile(r"[+-]?[0-9]+")
"""What engines take for a number: Go's `strconv.Atoi`."""


class ContainerUser(NamedTuple):
    """Who a command runs as. `group` is empty where none was asked for."""

    user: str
    group: str


def normal_user(text: str) -> ContainerUser:
    """Read `USER[:GROUP]`. No user is the image's, which may be root: it counts as root."""
    user, _, group = text.partition(":")
    return ContainerUser(_one(user) or ROOT, _one(group))


def _one(text: str) -> str:
    number = str(int(text)) if _NUMBER.fullmatch(text) and len(text) < 32 else text
    return ROOT if number == "0" else number
