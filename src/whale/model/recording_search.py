"""What comes out of a search in what was recorded."""

from collections.abc import Sequence
from typing import NamedTuple

from whale.model.recordings import Recording


class FoundLine(NamedTuple):
    """A line in which something was found. It is text of others: escaped when shown."""

    at: int
    """Milliseconds since the recording began."""
    kind: str
    """`screen` or `typed`."""
    line: str


class FoundRecording(NamedTuple):
    """A recording, and its lines in the order of time."""

    recording: Recording
    lines: Sequence[FoundLine]


class Found(NamedTuple):
    """The answer to a search, of what the caller may read."""

    recordings: Sequence[FoundRecording]
    is_whole: bool
    """False when there may be more: there was no time, or no room."""
    encrypted: int
    """How many recordings were left out because the server can't read them."""
