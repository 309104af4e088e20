"""Key frames of a recording: what a terminal shows that is fed with what is recorded, and nothing else.

So nothing stands in a picture that was left out of the recording. Without an emulator there are none, and a player
begins at the last one there was.
"""

from collections.abc import Iterable

from whale.model.terminal import TerminalSize
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.screen.screens import Screen, open_screen
from whale.session.picture import DEFAULT_SIZE


class Frames:
    """The terminal of one recording. It must be closed. Any thread may use it, one at a time."""

    def __init__(self, size: TerminalSize | None, *, is_new: bool) -> None:
        """What an earlier server has recorded, this one has not seen: then there are none."""
        self._size = size or DEFAULT_SIZE
        self._screen: Screen | None = open_screen(self._size, blame=_nobody) if is_new else None

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
