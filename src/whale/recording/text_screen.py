"""A terminal that is read, not looked at: output goes in, and lines come out as they leave their rows. Pure.

It follows the cursor as far as text depends on it, and knows no colours. What stands in a row is told when the cursor
leaves it with a line feed, when it is erased, written over or scrolled away, and at the end; pieces that were painted
one by one, and rows that were too short for a line, are put together by then. Output is hostile: what it costs is in
proportion to it, and there is never more text than `AMPLIFIED` times as much.
"""

from typing import Final, NamedTuple

from whale.recording.text_row import SETTLED, Row, cells_of

MAX_COLS: Final = 1000
MAX_ROWS: Final = 300
"""What is followed of a larger terminal."""

EFFORT: Final = 4
"""Rows that may be erased or moved for each byte of output, as a mean: real programs take a tenth of it."""

MAX_LINE: Final = 4096
"""Characters of a line; a longer one is several."""

MAX_COPY: Final = 1024 * 1024
"""The same of a copy."""

AMPLIFIED: Final = 8
"""Characters of text for each of output, where a screen is painted again and again."""

_RECENT: Final = 4096
"""Lines that are not told again while a program repaints them."""

_LINES: Final = "┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│"
GRAPHICS: Final = {ord(char): _LINES[number] for number, char in enumerate("jklmnopqrstuvwx")}
"""The letters that draw lines in the other character set."""


class TextLine(NamedTuple):
    """A line of text."""

    at: int
    """Milliseconds since the recording began, when it stood there."""
    text: str


class Cursor(NamedTuple):
    """What is saved of it."""

    row: int = 0
    column: int = 0


class Run(NamedTuple):
    """Text that was written in one row without a break, in however many pieces it came."""

    row: int = 0
    start: int = 0
    end: int = -1
    """Where it goes on; nowhere at first."""
    is_told: bool = False
    """Whether it has taken away a line that was told for that."""


class TextScreen:
    """The rows of one terminal. `write` text without control characters, and tell it what those do."""

    def __init__(self, cols: int, rows: int, *, is_copy: bool = False) -> None:
        """`is_copy`: with empty lines and indents, and without what was written over in the line that it is."""
        self._is_copy = is_copy
        self._most = MAX_COPY if is_copy else MAX_LINE
        self.cols, self.height = min(max(1, cols), MAX_COLS), min(max(1, rows), MAX_ROWS)
        self.rows = [Row()]
        """From the top; those below the last were never written to."""
        self.row = self.column = 0
        self.top, self.bottom = 0, self.height - 1
        """The rows that scroll."""
        self.saved = Cursor()
        self.at = 0
        """Milliseconds of what is written now."""
        self.is_drawing = False
        """Whether letters draw lines."""
        self.is_drawn_shifted = False
        """Whether they will, when the other character set is shifted in."""
        self.room = MAX_LINE
        """Characters that may still be told of what is painted."""
        self.effort = MAX_ROWS
        """Rows that may yet be erased or moved; what takes more is passed over."""
        self.lines: list[TextLine] = []
        """What was told: whoever reads takes them away."""
        self._run = Run()
        self._last = ""
        self._recent: dict[str, None] = {}
        self._other: tuple[list[Row], Cursor] | None = None

    @property
    def is_alternate(self) -> bool:
        """Whether a program has the whole screen."""
        return self._other is not None

    @property
    def is_plain(self) -> bool:
        """Whether whole lines of text that follow only scroll what is there."""
        is_below = self.row == len(self.rows) - 1 and self.column >= len(self.rows[-1].cells)
        return is_below and self.top == 0 and self.bottom == self.height - 1 and not self.is_drawing

    def write(self, text: str) -> None:
        """Write text at the cursor."""
        cells = cells_of(text.translate(GRAPHICS) if self.is_drawing else text)
        self._last = cells[-1] if cells else self._last
        start = 0
        while start < len(cells):
            if self.column >= self.cols:
                self._wrap()
            piece = cells[start : start + self.cols - self.column]
            row, run = self.rows[self.row], self._run
            if (run.row, run.end) != (self.row, self.column):
                run = Run(self.row, self.column, self.column)
            if not run.is_told and row.is_overwritten(self.column, piece, self.at, begun=run.start):
                self.tell(self.row, is_over=True)
                run = run._replace(is_told=True)
            row.put(self.column, piece, self.at)
            self.column += len(piece)
            self._run = run._replace(end=self.column)
            start += len(piece)

    def write_line(self, text: str) -> None:
        """Write the rest of a line, which ends, where the screen `is_plain`."""
        row = self.rows[self.row]
        if row.is_dirty or row.is_more:
            self.write(text)
            self.feed_line()
            self.column = 0
            return
        self._told(row.text()[: self.column].ljust(self.column) + text, is_painted=False)
        row.is_dirty = False
        row.cells = list(text[: self.cols]) if not row.cells else row.cells
        self._down()
        self.column = 0

    def write_lines(self, lines: list[str]) -> None:
        """Write whole lines where the screen `is_plain`. Those in the midst of many never come into a row."""
        if len(lines) <= 2 * self.height:
            for line in lines:
                self.write_line(line)
            return
        self.write_line(lines[0])
        self.tell_all()
        for line in lines[1 : -self.height]:
            text = line.rstrip() if self._is_copy else line.strip()
            if len(text) > self._most:
                self._told(text, is_painted=False)
            elif text or self._is_copy:
                self.lines.append(TextLine(self.at, text))
        self.rows, self.row = [Row()], 0
        for line in lines[-self.height :]:
            self.write_line(line)

    def repeat(self, count: int) -> None:
        """Write the last character again."""
        if self._last and self.may_take(count // 8):
            self.write(self._last * min(count, self.cols))

    def feed_line(self, *, is_told: bool = True) -> None:
        """Move the cursor down, and scroll at the bottom."""
        if is_told:
            self.tell(self.row, is_left=True)
        self._down()

    def move(self, row: int, column: int) -> None:
        """Put the cursor somewhere."""
        self.row = min(max(0, row), self.height - 1)
        self.column = min(max(0, column), self.cols - 1)
        while len(self.rows) <= self.row:
            self.rows.append(Row())

    def erase(self, row: int, start: int, end: int) -> None:
        """Erase cells of a row."""
        if row >= len(self.rows) or start >= len(self.rows[row].cells):
            return
        found = self.rows[row]
        if start == 0 or found.is_overwritten(start, [" "] * (min(end, len(found.cells)) - start), self.at):
            self.tell(row, is_over=True)
        if end >= len(found.cells):
            del found.cells[start:]
            if not found.cells:
                found.is_more, found.is_dirty, found.prefix = False, False, ""
        else:
            found.cells[start:end] = [" "] * (end - start)

    def clear(self, row: int) -> None:
        """Erase a row as a part of the screen: what comes there is something new."""
        if row < len(self.rows):
            self.tell(row)
            self.rows[row] = Row()

    def scroll(self, top: int, bottom: int, count: int) -> None:
        """Move rows up between two rows, or down where the count is negative; new ones are empty."""
        up, count = count > 0, min(abs(count), bottom - top + 1)
        if not self.may_take(count):
            return
        while len(self.rows) <= bottom:
            self.rows.append(Row())
        first = top if up else bottom + 1 - count
        for row in range(first, first + count):
            self._leave(row, is_last=up and row == first + count - 1)
        del self.rows[first : first + count]
        place = bottom + 1 - count if up else top
        self.rows[place:place] = [Row() for _ in range(count)]

    def may_take(self, rows: int) -> bool:
        """Tell whether something may be done that takes so many rows, and count them."""
        self.effort -= rows
        return self.effort >= 0

    def shift(self, count: int) -> None:
        """Insert blanks at the cursor, or delete characters where the count is negative."""
        cells, row = self.rows[self.row].cells, self.rows[self.row]
        if self.column >= len(cells):
            return
        if row.is_dirty and self.at - row.changed >= SETTLED:
            self.tell(self.row, is_over=True)
        if count > 0:
            cells[self.column : self.column] = [" "] * min(count, self.cols)
            del cells[self.cols :]
        else:
            del cells[self.column : self.column - count]
        row.is_dirty, row.changed = True, self.at

    def resize(self, cols: int, rows: int) -> None:
        """Change the size. Programs paint anew then; rows that are too many have scrolled away."""
        self.tell_all()
        self.cols, self.height = min(max(1, cols), MAX_COLS), min(max(1, rows), MAX_ROWS)
        self.effort -= len(self.rows)
        del self.rows[: max(0, len(self.rows) - self.height)]
        self.top, self.bottom = 0, self.height - 1
        self.move(self.row, self.column)

    def switch(self, *, is_alternate: bool) -> None:
        """Go to the screen that a program has for itself, or back from it."""
        if is_alternate == self.is_alternate:
            return
        self.tell_all()
        self._recent.clear()
        if self._other is None:
            self._other = self.rows, Cursor(self.row, self.column)
            self.rows, self.row, self.column = [Row()], 0, 0
        else:
            (self.rows, cursor), self._other = self._other, None
            self.rows = self.rows[-self.height :]
            self.move(*cursor)
        self.top, self.bottom = 0, self.height - 1
        self.move(self.row, self.column)

    def tell_all(self) -> None:
        """Tell what stands there."""
        for row in range(len(self.rows)):
            self.tell(row)

    def forget(self) -> None:
        """Take what stands there as told."""
        for row in self.rows:
            row.is_dirty = False
            self._remember(row.text().rstrip())
        self.lines.clear()

    def tell(self, number: int, *, is_over: bool = False, is_left: bool = False) -> None:
        """Tell the line that a row is of; because it is written over, or because the cursor leaves it."""
        first, last = self._line(number)
        rows = self.rows[first : last + 1]
        if not any(row.is_dirty for row in rows):
            if is_left and self._is_copy and not any(row.cells for row in rows):
                self._told("", is_painted=False)
            return
        if is_over and self._is_copy and not self.is_alternate:
            return
        text = (rows[0].prefix + "".join([row.text() for row in rows])).rstrip()
        head = rows[0]
        is_another = is_over or (is_left and head.was_left)
        may_be_told = not is_another or head.may_be_told(text)
        if is_left and not may_be_told:
            return  # it may be the last one of them, which is told when it goes
        for row in rows:
            row.is_dirty = False
        if text and may_be_told:
            head.was_left = head.was_left or is_left
            self._told(text, at=max(row.changed for row in rows), is_painted=self.is_alternate or is_another)

    def _line(self, number: int) -> tuple[int, int]:
        first = last = number
        while first > 0 and self.rows[first].is_more and number - first < _ROWS:
            first -= 1
        while last + 1 < len(self.rows) and self.rows[last + 1].is_more and last - number < _ROWS:
            last += 1
        return first, last

    def _leave(self, number: int, *, is_last: bool) -> None:
        """Tell what is about to scroll away; a line that goes on below takes what it has along."""
        row = self.rows[number]
        if is_last and number + 1 < len(self.rows) and self.rows[number + 1].is_more:
            below = self.rows[number + 1]
            text = row.prefix + row.text()
            if len(text) <= self._most:
                below.prefix, below.is_more = text, False
                below.is_dirty = below.is_dirty or row.is_dirty
                return
        self.tell(number)

    def _down(self) -> None:
        if self.row == self.bottom:
            if self.top == 0 and self.bottom == self.height - 1 == len(self.rows) - 1:
                self._leave(0, is_last=True)
                del self.rows[0]
                self.rows.append(Row())
            else:
                self.scroll(self.top, self.bottom, 1)
        elif self.row < self.height - 1:
            self.row += 1
            if self.row == len(self.rows):
                self.rows.append(Row())

    def _wrap(self) -> None:
        self.column = 0
        self._down()
        row = self.rows[self.row]
        if row.is_dirty:
            self.tell(self.row, is_over=True)
        row.is_more = True

    def _told(self, text: str, *, is_painted: bool, at: int | None = None) -> None:
        text = text.rstrip() if self._is_copy else text.strip()
        if not text and not self._is_copy:
            return
        if is_painted:
            if text in self._recent:
                return
            self._remember(text)
        if self.room < 0:
            return
        self.room -= len(text)
        at = self.at if at is None else at
        for start in range(0, max(1, len(text) - _OVERLAP), self._most - _OVERLAP):
            self.lines.append(TextLine(at, text[start : start + self._most]))

    def _remember(self, text: str) -> None:
        self._recent[text] = None
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]


_ROWS: Final = 64
"""Rows of one line that are put together in each direction."""

_OVERLAP: Final = 128
"""Characters that two pieces of a line share, so that no word is cut in both."""
