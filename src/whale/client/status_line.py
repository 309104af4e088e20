"""A word on the state of the connection that spoils nothing: what is on the screen belongs to the command."""

import contextlib
import os
import time

from whale.client.bottom_line import BottomLine
from whale.client.say import STDERR, say
from whale.model.text import printable

_PUSH_TITLE, _POP_TITLE = b"\x1b[22;0t", b"\x1b[23;0t"
"""Xterm's title stack; terminals without one ignore it."""

_WITHOUT_TITLE = frozenset({"", "dumb", "linux"})


class StatusLine:
    """Shows one text at a time: in the terminal's title while the terminal is the command's, else as a line.

    One that stays goes to the `line`, too.
    """

    def __init__(self, *, raw: bool, term: str, line: BottomLine | None = None) -> None:
        self._raw = raw
        self._line = line or BottomLine()
        self._has_title = term not in _WITHOUT_TITLE
        self._is_shown = False

    def show(self, text: str, *, since: float | None = None) -> None:
        """Show a text until `clear`. It is so since some time, or now."""
        self._line.show(text, since=time.monotonic() if since is None else since)
        self._say(text)

    def _say(self, text: str) -> None:
        if not self._raw:
            say(f"whale: {printable(text)}\n", raw=False)
        elif self._has_title:
            title = b"\x1b]0;whale: " + printable(text).encode() + b"\x07"
            self._write(title if self._is_shown else _PUSH_TITLE + title)
        self._is_shown = True

    def note(self, text: str) -> None:
        """Say something that is over already. In a title it stays until the next text is taken away."""
        if self._raw:
            self._say(text)
        else:
            say(f"whale: {printable(text)}\n", raw=False)

    def clear(self) -> None:
        """Take it away again."""
        if self._is_shown and not self._raw:
            say("whale: it is back\n", raw=False)
        self.restore()

    def restore(self) -> None:
        """Leave the terminal as it was found, whatever became of the connection."""
        self._line.hide()
        if self._is_shown and self._raw and self._has_title:
            self._write(_POP_TITLE)
        self._is_shown = False

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody looks
            os.write(STDERR, data)
