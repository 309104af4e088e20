"""What of a session's output goes to this process's own outputs, and what of it counts as consumed.

A repaint is written and not counted. Queries that this terminal must not answer are counted and not written.
"""

from collections.abc import Mapping

from whale.client.bottom_line import BottomLine
from whale.client.outlet import Outlet
from whale.client.queries import QueryFilter
from whale.client.waiting_line import WaitingLine
from whale.model.exec import Stream

_CANCEL = b"\x18"
_ESCAPE = b"\x1b"
_SWITCH = b"\x1b[?1"
_ALTERNATE = (b"1049", b"1047")
"""The modes that show the alternate screen."""


class Display:
    """The outputs of one session. Bytes are consumed when `flush` or `put` says so."""

    def __init__(self, outlets: Mapping[Stream, Outlet], *, line: BottomLine | None = None) -> None:
        self.outlets = outlets
        self.line = line or BottomLine()
        """What may be drawn over what is shown."""
        self.waiting = WaitingLine()
        """What is said before there is anything to show."""
        self._filter: QueryFilter | None = None
        """None, as nearly always, when everything is shown as it is."""
        self._answers = True
        self._offset = 0
        self._replay = 0
        self._debt = 0
        """Bytes that were or will be written, and are none of the output."""
        self.is_alternate = False
        """True when the terminal shows its alternate screen, as far as was seen."""

    @property
    def is_blocked(self) -> bool:
        """True when something waits to be written."""
        return any(outlet.is_blocked for outlet in self.outlets.values())

    @property
    def due(self) -> float:
        """When to `update` next."""
        return min(self.line.due, self.waiting.due)

    def update(self) -> bool:
        """Draw the lines as they are now, if it is time to. True when the picture is wanted since then."""
        self.waiting.update()
        return self.line.update()

    def begin(self, *, offset: int, replay: int, answers: bool) -> None:
        """Go on at an offset of standard output; what is below `replay` was written while nobody was here."""
        self.waiting.clear()
        self._offset, self._replay = offset, replay
        self.set_answers(answers)

    def set_answers(self, answers: bool) -> None:
        """Note whether this terminal is the one that answers."""
        self._answers = answers
        if self._filter is None and (not answers or self._offset < self._replay):
            self._filter = QueryFilter()

    def skip(self, size: int) -> None:
        """Note that so many bytes are left out."""
        self._offset += size

    def put(self, stream: Stream, data: bytes) -> int:
        """Take output; return how many bytes of it are done with already."""
        if self.line.is_drawn:
            self.line.erase()
        if _ESCAPE in data and _SWITCH in data:  # looking for one byte is many times faster
            self._look(data)
        if stream is Stream.STDOUT and self._filter is not None:
            return self._put_filtered(self._filter, data)
        self.outlets[stream].put(data)
        return 0

    def put_screen(self, data: bytes) -> None:
        """Take a repaint. What is unfinished in the output is at its end, too."""
        self.line.erase()
        self.line.wants_picture = False
        self._look(data)
        if self._filter is not None and self._filter.is_holding:
            data += _CANCEL  # it is shown when the filter knows that it may be
        self.outlets[Stream.STDOUT].put_uncounted(data)

    def flush(self, stream: Stream) -> int:
        """Write what can be written now; return how many bytes of output that was."""
        written = self.outlets[stream].flush()
        return self._settle(written) if self._debt and stream is Stream.STDOUT else written

    def _settle(self, size: int) -> int:
        """Take off what was written beyond the output: a filter may close what it took something out of."""
        paid = min(size, self._debt)
        self._debt -= paid
        return size - paid

    def _look(self, data: bytes) -> None:
        on, off = (max(data.rfind(b"\x1b[?%b%b" % (mode, end)) for mode in _ALTERNATE) for end in (b"h", b"l"))
        if on != off:
            self.is_alternate = on > off

    def _put_filtered(self, queries: QueryFilter, data: bytes) -> int:
        replayed = len(data) if not self._answers else max(0, self._replay - self._offset)
        self._offset += len(data)
        shown = queries.feed(data[:replayed]) if replayed else b""
        rest = data[replayed:]
        if rest and not queries.is_idle:
            # The end of a sequence that began before: it is looked at as a whole.
            shown, rest = shown + queries.feed(rest), b""
        shown += rest
        if self._answers and self._offset >= self._replay and queries.is_idle:
            self._filter = None
        if shown:
            self.outlets[Stream.STDOUT].put(shown)
        taken_out = len(data) - len(shown)
        if taken_out < 0:
            self._debt -= taken_out
            return 0
        return self._settle(taken_out)
