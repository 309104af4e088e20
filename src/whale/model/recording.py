"""What of a session is recorded, by the wish of the policies that permit it. Pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple


class RecordMode(StrEnum):
    """What is recorded of a terminal, each more than the one before.

    Of pipes there are always sizes and sums where anything is recorded, and contents with `ALL` alone.
    """

    NOTHING = ""
    OUTPUT = "output"
    ECHOED = "echoed"
    """Output, and input but for what was typed while echo was off: passwords, mostly."""
    ALL = "all"


class OnUnrecorded(StrEnum):
    """What becomes of a session that can't be recorded, each stricter than the one before."""

    ALARM = "alarm"
    """It goes on, and the audit trail and the metrics say so."""
    HOLD = "hold"
    """It stands still until it can be recorded again."""
    END = "end"


_RECORDED: Final = {
    RecordMode.NOTHING: "nothing",
    RecordMode.OUTPUT: "output",
    RecordMode.ECHOED: "output, and input while it is echoed",
    RecordMode.ALL: "output and input",
}
_UNRECORDED: Final = {
    OnUnrecorded.ALARM: "the session goes on",
    OnUnrecorded.HOLD: "the session stands still",
    OnUnrecorded.END: "the session ends",
}
_MODES: Final = tuple(RecordMode)
_FAILURES: Final = tuple(OnUnrecorded)


class RecordingWish(NamedTuple):
    """What is recorded, and what happens when that is not possible."""

    mode: RecordMode = RecordMode.NOTHING
    failure: OnUnrecorded = OnUnrecorded.END

    @property
    def is_recorded(self) -> bool:
        """Whether there is a recording at all."""
        return self.mode is not RecordMode.NOTHING

    def __str__(self) -> str:
        return f"{_RECORDED[self.mode]}; without a recording {_UNRECORDED[self.failure]}"


NOT_RECORDED: Final = RecordingWish()


def said_wish(mode: str, failure: str) -> str:
    """Say in words what a server has written; what this version does not know stays as it is."""
    try:
        return str(RecordingWish(RecordMode(mode), OnUnrecorded(failure)))
    except ValueError:
        return f"{mode}, {failure}"


def strictest(wishes: Iterable[RecordingWish]) -> RecordingWish:
    """Join the wishes of all policies that permit something: who records most wins, and who is strictest.

    A policy that wants no recording has no say in what happens without one.
    """
    wanted = [wish for wish in wishes if wish.is_recorded]
    if not wanted:
        return NOT_RECORDED
    return RecordingWish(
        mode=max((wish.mode for wish in wanted), key=_MODES.index),
        failure=max((wish.failure for wish in wanted), key=_FAILURES.index),
    )
