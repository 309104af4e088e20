"""What output shows: its text without control sequences, and the text that those carry, each with its place.

It is no terminal: it follows no cursor. Colours and whatever else moves nothing are left out; what moves the cursor
elsewhere breaks the line, unless the line is just as wide as the terminal.
"""

import re
from bisect import bisect_right
from typing import Final

_PARAMETERS: Final = rb"[\x00-\x17\x19\x1c-\x3f\x7f]*"
_IGNORED_FIRST: Final = rb"[\x00-\x17\x19\x1c-\x1f\x7f]*"
_BETWEEN: Final = rb"[\x00-\x17\x19\x1c-\x2f\x7f]*"
# Each begins with one class of characters, so that the engine finds the next one fast. A backspace and a space erase.
SEQUENCE: Final = re.compile(
    rb"[\x00-\x08\x0a-\x1f\x7f\xc2](?:"
    rb"(?<=\x1b)(?:(?P<break>[78DEMc]|" + _IGNORED_FIRST + rb"\[" + _PARAMETERS + rb"[ABEFGHdf`])"
    rb"|" + _IGNORED_FIRST + rb"\[" + _PARAMETERS + rb"[\x40-\x7e]?"
    rb"|" + _BETWEEN + rb"(?:(?P<string>[\]PX^_])|[\x30-\x7e]?))"
    rb"|(?<=[\r\n\x0b\x0c])(?P<lines>[\r\n\x0b\x0c]*)"
    rb"|(?<=\x08) ?"
    rb"|(?<=\xc2)(?:(?P<wide_break>\x9b" + _PARAMETERS + rb"[ABEFGHdf`])|\x9b" + _PARAMETERS + rb"[\x40-\x7e]?"
    rb"|(?P<wide_string>[\x90\x98\x9d-\x9f])|[\x80-\x9f])"
    rb"|(?<![\x1b\xc2\r\n\x0b\x0c])[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]*)"
)
BREAKS: Final = ("lines", "break", "wide_break")
STRINGS: Final = ("string", "wide_string")
UNFINISHED: Final = re.compile(
    rb"(?:\x1b"
    + _IGNORED_FIRST
    + rb"\["
    + _PARAMETERS
    + rb"|\xc2\x9b"
    + _PARAMETERS
    + rb"|\x1b"
    + _BETWEEN
    + rb"|\xc2|\x08)\Z"
)
STRING_END: Final = re.compile(rb"[\x07\x18\x1a\x1b]|\xc2\x9c")
_IGNORED: Final = re.compile(rb"[\x00-\x06\x08-\x17\x19\x1c-\x1f]+")
_CONTINUATION: Final = bytes(range(0x80, 0xC0))
_BREAK: Final = b"\n"
_LONGEST_SEQUENCE: Final = 256


class Text:
    """Visible characters by their own offsets, each with its place in the output."""

    def __init__(self) -> None:
        self.data = b""
        self.start = 0
        """Offset of the first character that is kept: one before what was not looked at, for what stands before it."""
        self._offsets: list[int] = []
        self._places: list[int] = []
        """Where runs of characters begin, in text and output."""
        self._pieces: list[bytes] = []
        self._end = 0

    @property
    def end(self) -> int:
        return self._end

    def add(self, data: bytes, place: int) -> None:
        self._offsets.append(self._end)
        self._places.append(place)
        self._pieces.append(data)
        self._end += len(data)

    def settle(self) -> None:
        """Put together what was added."""
        if self._pieces:
            self.data = b"".join((self.data, *self._pieces))
            self._pieces.clear()

    def ends_with_space(self) -> bool:
        """Tell whether the last of what was just added is a space."""
        return bool(self._pieces) and self._pieces[-1].endswith(b" ")

    def drop_last(self) -> None:
        """Take back the last character that was added, which is in `data` not yet."""
        self._pieces[-1] = self._pieces[-1][:-1]
        self._end -= 1

    def place(self, offset: int) -> int:
        """Return where a character is in the output."""
        run = bisect_right(self._offsets, offset) - 1
        return self._places[run] + offset - self._offsets[run]

    def places(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return where all characters from `start` to `end` are, as ranges, without breaks."""
        found: list[tuple[int, int]] = []
        run = bisect_right(self._offsets, start) - 1
        while start < end:
            stop = min(end, self._offsets[run + 1] if run + 1 < len(self._offsets) else self._end)
            place = self._places[run] + start - self._offsets[run]
            if self.data[start - self.start : stop - self.start] != _BREAK:
                found.append((place, place + stop - start))
            start, run = stop, run + 1
        return found

    def forget(self, offset: int) -> None:
        """Let go of what is before a character, but for one."""
        keep = max(self.start, offset - 1)
        self.data = self.data[keep - self.start :]
        self.start = keep
        run = max(0, bisect_right(self._offsets, keep) - 1)
        del self._offsets[:run], self._places[:run]

    def skip(self, data: bytes) -> None:
        """Begin anew behind what needs no looking at, of which `data` is the last."""
        self._end += 1
        self.data = data
        self.start = self._end - 1
        self._offsets, self._places = [self.start], [-1]


class Visible:
    """Takes output apart, in pieces of any size."""

    def __init__(self, cols: int = 0) -> None:
        self.cols = cols
        """Width of the terminal; 0 when there is none."""
        self.text = Text()
        self.payload = Text()
        """What strings for the terminal carry, such as titles and the addresses of links."""
        self._is_in_string = False
        self._column = 0
        self._ends_broken = True

    @property
    def is_at_line_start(self) -> bool:
        """True between two lines of plain output."""
        return self._column == 0 and not self._is_in_string and self._ends_broken

    def feed(self, data: bytes, place: int, *, is_last: bool = False) -> int:
        """Take more output, which is at `place`; return how much was taken. The rest has to come again, with more."""
        end = len(data) if is_last else self._end_of_whole(data)
        at = 0
        while at < end:
            feed = self._feed_string if self._is_in_string else self._feed_text
            at = feed(data, at, end, place)
        if not is_last and self._may_be_over():
            self.text.drop_last()
            self._column -= 1
            end -= 1
        self.text.settle()
        self.payload.settle()
        return end

    def skip_lines(self) -> None:
        """Pass over whole lines in which there is nothing to see."""
        self.text.skip(_BREAK)
        self._column, self._ends_broken = 0, True

    def _end_of_whole(self, data: bytes) -> int:
        """Return how far the data goes on without what is not complete."""
        unfinished = UNFINISHED.search(data, longest_tail(data))
        return unfinished.start() if unfinished is not None else len(data)

    def _feed_text(self, data: bytes, at: int, end: int, place: int) -> int:
        for found in SEQUENCE.finditer(data, at, end):
            start = found.start()
            if start > at:
                self._add(data[at:start], place + at)
            at = found.end()
            kind = found.lastgroup
            if kind in BREAKS:
                self._break(place + start, data[start:at])
            elif kind in STRINGS:
                self._is_in_string = True
                return at
        if at < end:
            self._add(data[at:end], place + at)
        return end

    def _feed_string(self, data: bytes, at: int, end: int, place: int) -> int:
        found = STRING_END.search(data, at, end)
        stop = found.start() if found is not None else end
        for ignored in _IGNORED.finditer(data, at, stop):
            if ignored.start() > at:
                self.payload.add(data[at : ignored.start()], place + at)
            at = ignored.end()
        if at < stop:
            self.payload.add(data[at:stop], place + at)
        if found is None:
            return end
        self._is_in_string = False
        # Nothing goes on over two breaks.
        self.payload.add(_BREAK, place + stop)
        self.payload.add(_BREAK, place + stop)
        # An escape begins something of its own.
        return stop if data[stop] == 0x1B else found.end()

    def _add(self, data: bytes, place: int) -> None:
        self.text.add(data, place)
        self._ends_broken = False
        self._column += len(data.translate(None, _CONTINUATION)) if self.cols else 1

    def _break(self, place: int, sequence: bytes) -> None:
        if self.cols and self._column % self.cols == 0:
            self._column = 0
        elif sequence[0] == 0x0D and self._may_be_over():
            self.text.drop_last()
            self._column = 0
        elif self._column:
            self.text.add(_BREAK, place)
            self._column, self._ends_broken = 0, True

    def _may_be_over(self) -> bool:
        """Tell whether the text ends in a space behind the last column.

        A line editor writes it, and a carriage return, so that the terminal begins the next row.
        """
        is_over = self.cols > 0 and self._column > 1 and self._column % self.cols == 1
        return is_over and self.text.ends_with_space()


def longest_tail(data: bytes) -> int:
    """Return from where on a sequence at the end may have begun. Longer ones are taken for complete."""
    return max(0, len(data) - _LONGEST_SEQUENCE)
