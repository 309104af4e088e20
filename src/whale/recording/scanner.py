"""Finds shapes of secrets in visible text that comes in pieces."""

from typing import Final, NamedTuple

from whale.recording.rules import Shapes
from whale.recording.shapes import Shape
from whale.recording.visible import Text

_LONGEST_LEAD: Final = 64
"""Characters at the end of a text in which a lead may have begun."""

_UNFINISHED: Final = "unfinished"


class Range(NamedTuple):
    """Characters of a text that are redacted, by their offsets."""

    start: int
    end: int
    rule: str


class Scanner:
    """Looks for shapes in one text. What it decides does not depend on how the text was cut.

    Everything before `at` is decided, and what of it is secret is in `found`, in order, until the caller takes it.
    """

    def __init__(self, text: Text, shapes: Shapes) -> None:
        self.at = text.end
        self.found: list[Range] = []
        self._text = text
        self._shapes = shapes
        self._leads = shapes.leads.search()
        self._following: Shape | None = None
        """The shape that was found last, while its rest goes on."""
        self._room = 0
        """Characters that the rest may still have."""

    @property
    def is_between(self) -> bool:
        """True when lines may be passed over from here: none of them is the rest of a secret."""
        return self._following is None

    def scan(self, *, is_last: bool = False) -> None:
        """Look at what is new. At the last time nothing is held back."""
        if self._following is not None and not self._follow(self._following):
            return
        data, start = self._text.data, self._text.start
        begun = len(data) if is_last else self._begun(data, self.at - start)
        hits = sorted(self._leads(data))
        for hit in hits:
            if hit.start >= begun:
                break
            if hit.start < self.at - start:
                continue
            if not self._decide(hit.start, hit.number, is_last=is_last):
                return
            if self._following is not None:
                return
        self.at = max(self.at, start + begun)

    def skip(self) -> None:
        """Pass over lines that were looked at otherwise, together with what is held back."""
        self.at = self._text.end

    def give_up(self) -> list[Range]:
        """Return what has waited for too long. It may still be the beginning of something."""
        return [Range(self.at, self._text.end, _UNFINISHED)]

    def _decide(self, place: int, number: int, *, is_last: bool) -> bool:
        """Look at one lead; False when more has to be known."""
        data, start = self._text.data, self._text.start
        shapes = self._shapes.beginning_with(number)
        for shape in shapes:
            match = shape.whole.match(data, place)
            if match is not None:
                self.at = start + match.end(1)
                self.found.append(Range(start + match.start(1), self.at, shape.rule))
                self._room = shape.most
                self._follow(shape)
                return True
            if not is_last and shape.begun.match(data, place):
                self.at = start + place
                return False
        return True

    def _follow(self, shape: Shape) -> bool:
        """Redact what the rest of a secret consists of; False when all that is there does."""
        data, start = self._text.data, self._text.start
        first = self.at - start
        stop = len(data) if not shape.most else min(len(data), first + self._room)
        match = shape.rest.match(data, first, stop)
        end = match.end() if match is not None else first
        if end > first:
            self.found.append(Range(self.at, start + end, ""))
            self.at = start + end
            self._room -= end - first
        is_over = end < len(data) or (shape.most > 0 and self._room <= 0)
        self._following = None if is_over else shape
        return is_over

    def _begun(self, data: bytes, first: int) -> int:
        """Return where at the end of the text a lead may have begun."""
        match = self._shapes.ends_begun.search(data, max(first, len(data) - _LONGEST_LEAD))
        return match.start() if match is not None else len(data)
