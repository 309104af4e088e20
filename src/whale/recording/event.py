"""What a recording is made of."""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """Kinds of events, by the letters of asciicast v3; players pass over those that they do not know."""

    OUTPUT = "o"
    ERROR_OUTPUT = "e"
    """Standard error of a command without a terminal. Whale's own."""
    INPUT = "i"
    RESIZE = "r"
    MARKER = "m"
    EXIT = "x"


BYTES = (Code.OUTPUT, Code.ERROR_OUTPUT, Code.INPUT)
"""The kinds whose data may be anything; that of all others is text."""


class RecordedEvent(NamedTuple):
    """Something that happened."""

    at: int
    """Milliseconds since the recording began."""
    code: Code
    data: bytes
    """What was written; of RESIZE `80x24`, of MARKER its label, of EXIT the status."""


class KeyFrame(NamedTuple):
    """What a terminal showed at some moment, so that a player can begin there."""

    at: int
    cols: int
    rows: int
    paint: bytes
    """Brings any terminal to that picture."""


class StreamSum(NamedTuple):
    """What went through a stream of a command without a terminal."""

    name: str
    start: int
    """Offset of the first byte. Not 0 where a server was replaced meanwhile: one sum for each server then."""
    end: int
    sha256: str
