"""One typed line, and how much of it came back."""

from collections import deque
from typing import Final

from whale.model.limits import ECHO_GRACE
from whale.recording.keys import Kind, Unit

_GRACE: Final = round(ECHO_GRACE * 1000)
_REDRAWN: Final = 64
"""Bytes before the cursor that an editor may write again before it writes what is new."""

_LONGEST_RUN: Final = 4096
_MASK: Final = frozenset(b"*")


class EchoLine:
    """What was typed up to an Enter."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.is_entered = False
        self.has_ended = False
        """The output's line ended after that."""
        self.is_withheld = False
        self._characters = bytearray()
        self._waiting: deque[tuple[int, int]] = deque()
        """Up to which byte what was typed when, of what has not come back."""
        self._echoed = 0
        """Bytes of the characters that came back."""
        self._run = bytearray()
        self._run_from = 0
        """How much of the line had come back when the run began."""

    @property
    def is_echoed(self) -> bool:
        """True when everything has come back."""
        return self._echoed == len(self._characters)

    def add(self, unit: Unit) -> None:
        """Append what was typed."""
        self.units.append(unit)
        self.is_entered = unit.kind is Kind.ENTER
        if unit.kind is Kind.CHARACTERS and not self.is_withheld:
            self._characters += unit.data
            self._waiting.append((len(self._characters), unit.at))

    def begin_run(self) -> None:
        """From here on output may be an echo."""
        self._run.clear()
        self._run_from = self._echoed

    def see(self, text: bytes) -> None:
        """Look for the echo in what is shown next."""
        if self.is_echoed or len(self._run) > _LONGEST_RUN + len(self._characters):
            return
        self._run += text
        for start in range(max(0, self._run_from - _REDRAWN), self._run_from + 1):
            again = self._characters[start : self._run_from]
            if self._run.startswith(again):
                came = self._run_from + _common(self._run[len(again) :], self._characters[self._run_from :])
                self._echoed = max(self._echoed, came)
        while self._waiting and self._waiting[0][0] <= self._echoed:
            self._waiting.popleft()

    def look_at_time(self, at: int) -> None:
        """Withhold the line when an echo does not come."""
        if self._waiting and at - self._waiting[0][1] > _GRACE:
            self.is_withheld = True

    def is_decided(self, at: int) -> bool:
        """Tell whether something can be said of what is there of the line."""
        if not self.units:
            return False
        if self.is_withheld or not self._characters:
            return True
        return self.is_echoed and (self.is_entered or at - self.units[-1].at > _GRACE)

    def take(self) -> list[Unit]:
        """Hand over what was decided. What follows in a line that is withheld is, too."""
        if self._characters and _MASK.issuperset(self._characters):
            self.is_withheld = True
        if self.is_withheld:
            self._characters.clear()
            self._waiting.clear()
            self._echoed = self._run_from = 0
        units, self.units = self.units, []
        return units


def _common(one: bytearray, other: bytearray) -> int:
    """Return how many bytes are the same at the beginning."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(at for at in range(length) if one[at] != other[at])
