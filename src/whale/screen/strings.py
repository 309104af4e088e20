"""Control sequences that are longer than anybody keeps: where they end, and what stands in for them.

A string of megabytes (an image, a clipboard) shows nothing here, so its end is all that matters. A terminal that is
painted anew in the midst of one must not print the rest: it gets the beginning of another one of that kind, which
means nothing, and takes the rest for its body.
"""

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """What ends a sequence, and how one begins that does nothing."""

    end: re.Pattern[bytes]
    stand_in: bytes


_STRING_END = re.compile(rb"[\x18\x1a\x1b]")
KINDS = {
    b"\x1b]": Kind(re.compile(rb"[\x07\x18\x1a\x1b]"), b"\x1b]777777;"),
    b"\x1bP": Kind(_STRING_END, b"\x1bP+~"),
    b"\x1bX": Kind(_STRING_END, b"\x1bX-"),
    b"\x1b^": Kind(_STRING_END, b"\x1b^-"),
    b"\x1b_": Kind(_STRING_END, b"\x1b_-"),
    # A parameter behind an intermediate byte is none: the sequence is ignored up to its end.
    b"\x1b[": Kind(re.compile(rb"[\x18\x1a\x1b@-~]"), b"\x1b[+"),
}
_ESCAPE = 0x1B


def last_kind(data: bytes) -> Kind:
    """Return the kind of the sequence that `data` ends in the midst of."""
    return KINDS[max(KINDS, key=data.rfind)]


def after_end(kind: Kind, data: bytes) -> bytes | None:
    """Return what follows the end of a sequence, or None when it does not end in `data`.

    An escape both ends it and begins what follows.
    """
    end = kind.end.search(data)
    if end is None:
        return None
    return data[end.start() if data[end.start()] == _ESCAPE else end.end() :]
