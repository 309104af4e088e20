"""Key frames of a recording of which something was left out: what a terminal shows that is fed with the rest alone.

As long as nothing was left out, the session's own picture is good enough. Without an emulator there are no frames, and
a player begins at the last one there was.
"""

from collections.abc import Iterable

from whale.model.terminal import TerminalSize
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.screen.screens import Screen, open_screen
from whale.session.picture import DEFAULT_SIZE


class Frames:
    """The terminal of one recording. It must be closed. Any thread may use it, one at a time."""

    def __init__(self, size: TerminalSize | None, frame: KeyFrame | None, events: Iterable[RecordedEvent]) -> None:
        """Begin at the last frame, or with a terminal of this size, and what was recorded since."""
        if frame is not None:
            size = TerminalSize(cols=frame.cols, rows=frame.rows)
        self._size = size or DEFAULT_SIZE
        self._screen: Screen | None = open_screen(self._size, blame=_nobody)
        if self._screen is not None and frame is not None:
            self._screen.feed(frame.paint)
        self.feed(events)

    def feed(self, events: Iterable[RecordedEvent]) -> None:
        """Take what was recorded."""
        if self._screen is None:
            return
        pending: list[bytes] = []
        for event in events:
            if event.code is Code.OUTPUT:
                pending.append(event.data)
            elif event.code is Code.RESIZE:
                self._screen.feed(b"".join(pending))
                pending.clear()
                cols, rows = map(int, event.data.split(b"x"))
                self._size = TerminalSize(cols=cols, rows=rows)
                self._screen.resize(self._size)
        self._screen.feed(b"".join(pending))

    def take(self) -> KeyFrame | None:
        """Return what the terminal shows now."""
        if self._screen is None or not (paint := self._screen.repaint()):
            return None
        return KeyFrame(0, self._size.cols, self._size.rows, paint)

    def close(self) -> None:
        """Let go of the emulator. Idempotent."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None


def _nobody(is_fault: bool) -> None:
    """The recording goes on without."""
