"""What a terminal session looks like: its output fed to a terminal emulator, no earlier than somebody needs it.

The output log has the newest bytes; those that leave it go into the emulator first. So log and emulator together are
always the whole session, and one that has written little, or nobody comes back to, costs no emulator.
"""

from collections import deque

from whale.model.byte_log import ByteLog
from whale.model.limits import KIB
from whale.model.terminal import TerminalSize
from whale.screen.screen import Screen, open_screen

IDLE_LOG = 64 * KIB
"""Bytes that a log may hold without need, so that a session that writes little costs no emulator."""

PIECE = 64 * KIB
"""Bytes fed at once."""

DEFAULT_SIZE = TerminalSize(cols=80, rows=24)

MAX_SIZES = 64
"""Changes of size that are remembered; beyond that the emulator catches up."""


class Picture:
    """The picture behind some offset of the output: `catch_up` moves it on, `repaint` shows the newest."""

    def __init__(self, size: TerminalSize | None) -> None:
        self._first_size = size or DEFAULT_SIZE
        self._screen: Screen | None = None
        self._offset = 0
        """Everything below it was fed."""
        self._sizes: deque[tuple[int, TerminalSize]] = deque()
        """Changes of size, each with the offset it came at."""

    def resized(self, offset: int, size: TerminalSize) -> None:
        """Note that the terminal has another size for what comes after an offset."""
        self._sizes.append((offset, size))
        if len(self._sizes) > MAX_SIZES:
            del self._sizes[0]  # programs draw anew after each: an old one matters to nobody

    def is_worth_it(self, log: ByteLog, needed: int) -> bool:
        """True when bytes below an offset should leave the log, although they must be fed first."""
        return self._screen is not None or log.end - log.start > IDLE_LOG or needed < self._offset

    def catch_up(self, log: ByteLog, *, to: int) -> None:
        """Feed what is below an offset; nothing of it must have left the log unfed."""
        while self._offset < to or (self._sizes and self._sizes[0][0] <= self._offset):
            screen = self._opened()
            stop = to
            if self._sizes:
                at, size = self._sizes[0]
                if at <= self._offset:
                    self._sizes.popleft()
                    if screen is not None:
                        screen.resize(size)
                    continue
                stop = min(to, at)
            data = log.read(offset=self._offset, size=min(PIECE, stop - self._offset))
            if screen is not None:
                screen.feed(data)
            self._offset += len(data)

    def repaint(self, log: ByteLog) -> bytes:
        """Return what brings a terminal to the newest picture; empty where there is no emulator."""
        self.catch_up(log, to=log.end)
        screen = self._opened()
        return screen.repaint() if screen is not None else b""

    def replies(self) -> bytes:
        """Take what the emulator answered to the queries in what was fed."""
        return self._screen.replies() if self._screen is not None else b""

    def close(self) -> None:
        """Let go of the emulator. Idempotent."""
        if self._screen is not None:
            self._screen.close()

    def _opened(self) -> Screen | None:
        if self._screen is None:
            self._screen = open_screen(self._first_size)
        return self._screen
