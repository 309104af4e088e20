"""What systemd passed on to this process, and the names under which it keeps single descriptors.

Each descriptor is stored under a name of its own, `whale-SESSION.IN`: I is its place and N one less than how many
belong together, both in hexadecimal. systemd promises no order, and a server that was killed while it put an item
leaves a part of it, which the count shows.
"""

import os
import re
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Final, NamedTuple, Self

from whale.keeper.protocol import NAME_LENGTH

PREFIX: Final = "whale-"
_LABEL: Final = re.compile(rf"{PREFIX}([0-9a-f]{{{NAME_LENGTH}}})\.([0-9a-f])([0-9a-f])")

LABEL_SIZE: Final = len(PREFIX) + NAME_LENGTH + len(".IN:")
"""Bytes that a descriptor takes in the list of names."""

FIRST: Final = 3
"""The number of the first descriptor that systemd passes on."""


class Label(NamedTuple):
    """Under what a descriptor is kept."""

    name: str
    total: int
    place: int

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}.{self.place:x}{self.total - 1:x}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a label; None for a name that is not ours."""
        found = _LABEL.fullmatch(text)
        return cls(found[1], int(found[3], 16) + 1, int(found[2], 16)) if found else None


def labels(name: str, count: int) -> list[Label]:
    """The labels of an item."""
    return [Label(name, count, place) for place in range(count)]


def take_inherited(environ: MutableMapping[str, str]) -> list[tuple[Label, int]]:
    """The descriptors that an earlier server left, by label, in order. Children of this process get none of them.

    Takes the variables out of the environment. Sockets that systemd listens on for this unit are left alone.
    """
    process, count, names = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    given = names.split(":")
    if process != str(os.getpid()) or count != str(len(given)):
        return []
    found: list[tuple[Label, int]] = []
    for descriptor, text in enumerate(given, FIRST):
        with suppress(OSError):  # one that was closed before
            os.set_inheritable(descriptor, False)
            if (label := Label.parse(text)) is not None:
                found.append((label, descriptor))
    return sorted(found)
