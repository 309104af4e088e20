"""What is said while somebody else has to allow a session: for how long still, and how to leave.

The terminal is not the command's yet: on one the line is drawn over itself, elsewhere it is said once.
"""

import os
import time

from whale.client.bottom_line import NEVER
from whale.client.say import STDERR, say

_BEGIN = "\r\x1b[K"


class WaitingLine:
    """Call `update` when `due` is over, and `clear` before anything else is written."""

    def __init__(self, *, draws: bool | None = None) -> None:
        """`draws` on a terminal that knows how to erase a line; asked of standard error unless it is said."""
        self.due = NEVER
        self._draws = draws
        self._text = ""
        self._until = 0.0

    @property
    def is_shown(self) -> bool:
        """True until it is taken away."""
        return bool(self._text)

    def show(self, approval: str, seconds: int) -> None:
        """Say that an approval is waited for, for so many seconds at most."""
        if self._draws is None:
            self._draws = os.isatty(STDERR) and os.environ.get("TERM", "") not in ("", "dumb")
        self._until = time.monotonic() + seconds
        self._text = f"waiting for approval {approval}" if approval.isalnum() else "waiting for approval"
        if self._draws:
            self.due = 0.0
            self.update()
        else:
            say(f"whale: {self._line(seconds)}\n", raw=False)

    def update(self) -> None:
        """Draw it as it is now, if it is time to."""
        now = time.monotonic()
        if not self._text or not self._draws or now < self.due:
            return
        left = max(0, round(self._until - now))
        say(f"{_BEGIN}whale: {self._line(left)}", raw=False)
        self.due = now + 1.0

    def clear(self) -> None:
        """Take it away."""
        if self._text and self._draws:
            say(_BEGIN, raw=False)
        self._text, self.due = "", NEVER

    def _line(self, left: int) -> str:
        minutes, seconds = divmod(left, 60)
        return f"{self._text}, {minutes}:{seconds:02} left; Ctrl-C gives up"
