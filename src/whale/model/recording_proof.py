"""What the audit trail says of a recording: what whoever could change its files and its row could not change unseen."""

from typing import NamedTuple


class Sealed(NamedTuple):
    """What an event says of the parts that were whole when it was written."""

    seq: int
    """The number of the event."""
    hash: str
    """SHA-256 of the last of these parts, in hexadecimal; all before it are chained to it."""
    chunks: int
    """How many they are."""


class RecordingProof(NamedTuple):
    """All that it says, and whether it holds."""

    finished: tuple[Sealed, ...] = ()
    """Of the whole recording. Two say the same where a server was killed, and the next one said it again."""
    anchored: tuple[Sealed, ...] = ()
    """Of what was whole now and then while it went on."""
    is_begun: bool = False
    """Whether the trail reaches back to the beginning of the session, so that it would have the events."""
    problem: str = ""
    """What is wrong with the trail, from the events of the session on."""
    seq: int = 0
    """The newest event to which it was followed; all of them, unless there are very many."""
    head: str = ""
    """SHA-256 of that event: for who has noted it elsewhere, or compares it with a sink."""
