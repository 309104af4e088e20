"""Finds what an operator's expressions match in visible text that comes in pieces, a line at a time."""

from collections.abc import Iterable
from typing import Final

from whale.model.limits import MAX_REDACTED_LINE
from whale.recording.expressions import Expressions, Hit
from whale.recording.scanner import Range
from whale.recording.visible import Text

_STEP: Final = MAX_REDACTED_LINE // 2


class LineScanner:
    """Looks into whole lines, and of longer ones into pieces; what it finds does not depend on how the text was cut.

    Everything before `at` is decided, and what was found is in `found` until the caller takes it.
    """

    def __init__(self, text: Text, expressions: Expressions, names: tuple[str, ...]) -> None:
        self.at = text.end
        self.found: list[Range] = []
        self._text = text
        self._names = names
        self._search = expressions.search()

    @property
    def is_between(self) -> bool:
        """True when lines may be passed over from here."""
        return self.at == self._text.end

    def scan(self, *, is_last: bool = False) -> None:
        """Look at what is new. The last line has an end, the other times it is held back until it has."""
        data, start = self._text.data, self._text.start
        while self.at < self._text.end:
            first = self.at - start
            end = data.find(b"\n", first, first + MAX_REDACTED_LINE)
            if end >= 0:
                following = end + 1
            elif len(data) - first >= MAX_REDACTED_LINE:
                end, following = first + MAX_REDACTED_LINE, first + _STEP
            elif is_last:
                end = following = len(data)
            else:
                return
            for start_of, end_of, number in _union(self._search(data[first:end])):
                self.found.append(Range(self.at + start_of, self.at + end_of, self._names[number]))
            self.at = start + following

    def skip(self) -> None:
        """Pass over lines that were looked at otherwise."""
        self.at = self._text.end

    def give_up(self) -> list[Range]:
        """Look at what is there of a line that has waited for too long."""
        self.scan(is_last=True)
        return self.found


def _union(hits: Iterable[Hit]) -> list[Hit]:
    """Put together what overlaps, under the number of the first."""
    merged: list[Hit] = []
    for hit in sorted(hits):
        if merged and hit.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, hit.end))
        else:
            merged.append(hit)
    return merged
