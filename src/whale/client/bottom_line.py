"""A line on the terminal's bottom row while there is no connection: what is the matter, for how long, how to leave.

It spoils what the command has there, and the cursor that the command has saved. So it is only drawn where the session's
picture can be had afterwards, and nothing is written over it: it is erased first. It never waits for the terminal.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from whale.client.outlet import Outlet
from whale.model.errors import UsageError
from whale.model.terminal import TerminalSize
from whale.model.text import printable

NEVER = float("inf")

WITHOUT_CURSOR = frozenset({"", "dumb"})
"""Terminals that can't draw in a place of one's choice."""

PATIENCE = 1.0
"""Seconds without a connection before it is drawn: what is over sooner is nobody's concern."""

_BEGIN = b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0"
"""DECSC, no origin mode, the row, and the beginning of an SGR."""
_LINE, _ERASE = _BEGIN + b";7m%b\x1b[K\x1b8", _BEGIN + b"m\x1b[2K\x1b8"


class BottomLine:
    """Call `update` when `due` is over, `erase` before anything else is written, `resized` when the terminal was."""

    def __init__(
        self,
        outlet: Outlet | None = None,
        *,
        size: Callable[[], TerminalSize | None] = lambda: None,
        hint: str = "",
    ) -> None:
        """Draw on an outlet, or never; `size` asks that terminal, `hint` is said at the end."""
        self.is_allowed = False
        """Set it when the session's picture can be had."""
        self.wants_picture = False
        """True when it was drawn, and the picture has not come since; unset it then."""
        self.is_drawn = False
        self.due = NEVER
        """When to `update` next."""
        self._outlet = outlet
        self._size = size
        self._hint = hint
        self._text = ""
        self._since = 0.0
        self._row = 0

    def show(self, text: str, *, since: float) -> None:
        """Say from now on what is the matter, since when; of several texts on one matter the first one knows."""
        if self._outlet is None or not self.is_allowed:
            return
        if not self._text:
            self._since = since
        self._text = text
        self.due = time.monotonic() if self.is_drawn else self._since + PATIENCE

    def hide(self) -> None:
        """Say no more."""
        self._text, self.due = "", NEVER
        self.erase()

    def update(self) -> bool:
        """Draw it as it is now, if it is time to. True when the picture is wanted since then."""
        now = time.monotonic()
        if now < self.due:
            return False
        waited = int(now - self._since)
        self.due = self._since + waited + 1
        size = self._size()
        if self._outlet is None or self._outlet.is_blocked or size is None:
            return False
        self._draw(size, f" whale: {self._text} for {_duration(waited)}{self._hint}")
        wanted, self.wants_picture = self.wants_picture, True
        return not wanted

    def resized(self) -> None:
        """Move it to the row that is the last one now."""
        if self.is_drawn:
            size = self._size()
            if size is not None:
                self._row = min(self._row, size.rows)
            self.erase()
            self.due = min(self.due, time.monotonic())

    def erase(self) -> None:
        """Take it off the screen; the next `update` draws it again."""
        if self.is_drawn:
            self.is_drawn = False
            self._write(_ERASE % self._row)

    def _draw(self, size: TerminalSize, text: str) -> None:
        # Not the last column: what comes behind it would begin another row, on some terminals at once.
        shown = cut(printable(text), width=size.cols - 1)
        erased = _ERASE % self._row if self.is_drawn and self._row != size.rows else b""
        self.is_drawn, self._row = True, size.rows
        self._write(erased + _LINE % (size.rows, shown.encode()))

    def _write(self, data: bytes) -> None:
        assert self._outlet is not None
        was_blocked = self._outlet.is_blocked
        self._outlet.put_uncounted(data)
        if not was_blocked:
            with suppress(OSError, UsageError):  # whoever writes output there is told
                self._outlet.flush()


def cut(text: str, *, width: int) -> str:
    """Return as much of a text as so many columns have room for."""
    if text.isascii():
        return text[: max(0, width)]
    from unicodedata import combining, east_asian_width

    for position, character in enumerate(text):
        width -= 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
        if width < 0:
            return text[:position]
    return text


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
