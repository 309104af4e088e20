"""Takes typed input apart into characters, which a terminal may echo, and keys, which mean something."""

import re
from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """Kinds of what is typed."""

    CHARACTERS = "characters"
    KEY = "key"
    """A control character, or what a function key sends: always recorded."""
    ENTER = "enter"
    """What ends a line: Enter, or Ctrl-C."""
    REPLY = "reply"
    """What a terminal answers in a string, which may be its clipboard: never recorded."""


class Unit(NamedTuple):
    """Something typed, and when, in milliseconds."""

    at: int
    kind: Kind
    data: bytes


_UNIT: Final = re.compile(
    rb"(?P<reply>\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\Z))"
    rb"|(?P<enter>[\r\n\x03])"
    rb"|(?P<key>\x1b\[M...|\x1b\[[0-?]{0,32}[ -/]{0,2}[@-~]|\x1bO[@-~]|\x1b[ -~]|[\x00-\x1f\x7f])"
    rb"|(?P<characters>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
_BEGUN: Final = re.compile(rb"\x1b(?:\[(?:[0-?]{0,32}[ -/]{0,2}|M.{0,2})|O)?\Z", re.DOTALL)
_SOON: Final = 50
"""Milliseconds in which the rest of a key follows. An escape that stands alone is a key of its own."""


class Keys:
    """Input of one terminal, in pieces of any size."""

    def __init__(self) -> None:
        self._begun = b""
        self._begun_at = 0

    def feed(self, at: int, data: bytes) -> list[Unit]:
        """Take what was typed at a time. The beginning of a key waits for the next piece."""
        units = self.flush(at)
        data = self._begun + data
        self._begun = b""
        escape = data.rfind(b"\x1b")
        if escape >= 0 and _BEGUN.match(data, escape):
            data, self._begun, self._begun_at = data[:escape], data[escape:], at
        return units + _units(at, data)

    def flush(self, at: int) -> list[Unit]:
        """Return a key that has not gone on in time."""
        if not self._begun or at - self._begun_at <= _SOON:
            return []
        units = _units(self._begun_at, self._begun)
        self._begun = b""
        return units


def _units(at: int, data: bytes) -> list[Unit]:
    return [Unit(at, Kind(found.lastgroup), found[0]) for found in _UNIT.finditer(data)]
