"""What a terminal session looks like: its output fed to a terminal emulator, no earlier than somebody needs it.

The output log has the newest bytes. Before any leave it the emulator is fed with all there are, and its picture is put
beside the log. So log and picture together are always the whole session, also for a later process, and a session that
writes little, or that nobody comes back to, costs no emulator.
"""

from collections import deque
from collections.abc import Iterable

from whale.model.limits import KIB
from whale.model.terminal import TerminalSize
from whale.screen.screen import Screen, is_available, open_screen
from whale.session.memory import SessionMemory, Snapshot
from whale.session.ring import RingLog

PIECE = 64 * KIB
"""Bytes fed at once."""

DEFAULT_SIZE = TerminalSize(cols=80, rows=24)

MAX_SIZES = 64
"""Changes of size that are remembered. Programs draw anew after each, so that an old one matters to nobody."""

Resize = tuple[int, TerminalSize]
"""A change of size, with the offset of the output that it came at."""


class Picture:
    """The picture behind some offset of the output: `catch_up` moves it on, `repaint` shows the newest."""

    def __init__(self, size: TerminalSize | None, memory: SessionMemory, *, changes: Iterable[Resize] = ()) -> None:
        """`size`: of the terminal at the offset of the memory's snapshot; `changes`: of it, since then."""
        self._memory = memory
        self._screen: Screen | None = None
        self._is_open = False
        self._size = size or DEFAULT_SIZE
        self.offset = memory.read_snapshot().offset
        """Everything below it was fed."""
        self._ahead = deque(changes, maxlen=MAX_SIZES)
        """Changes of size that were not fed yet."""
        while self._ahead and self._ahead[0][0] < self.offset:
            _, self._size = self._ahead.popleft()  # the snapshot was written, and its size not yet written down
        self._answered = self.offset
        """Questions before this offset are answered, or somebody else's to answer."""
        self.saved_size = self._size
        """Of the terminal at the snapshot: it and the changes make the picture again from the memory."""
        self.changes = self._ahead.copy()

    def resized(self, offset: int, size: TerminalSize) -> None:
        """Note that the terminal has another size for what comes after an offset."""
        self._ahead.append((offset, size))
        self.changes.append((offset, size))

    def catch_up(self, log: RingLog, *, to: int) -> None:
        """Feed what is below an offset; nothing of it must have left the log unfed."""
        screen = self._opened()
        while True:
            while self._ahead and self._ahead[0][0] <= self.offset:
                _, self._size = self._ahead.popleft()
                if screen is not None:
                    screen.resize(self._size)
            stop = min(to, self._ahead[0][0]) if self._ahead else to
            if self.offset >= stop:
                return
            data = log.read(offset=self.offset, size=min(PIECE, stop - self.offset))
            if screen is not None:
                screen.feed(data)
            self.offset += len(data)

    def save(self, log: RingLog, *, to: int) -> bool:
        """Put the picture behind an offset, or a later one, into the memory: what the log has before may leave it now.

        False for one that is too large, in whose place nothing was put.
        """
        self.catch_up(log, to=to)
        screen = self._opened()
        data = screen.repaint() if screen is not None else b""
        is_saved = self._memory.write_snapshot(Snapshot(self.offset, data))
        if not is_saved:
            self._memory.write_snapshot(Snapshot(self.offset, b""))
        self.saved_size = self._size
        self.changes = self._ahead.copy()
        return is_saved

    def repaint(self, log: RingLog) -> bytes:
        """Return what brings a terminal to the newest picture; empty where there is no emulator."""
        self.catch_up(log, to=log.end)
        screen = self._opened()
        return screen.repaint() if screen is not None else b""

    def answered_until(self, offset: int) -> None:
        """Note that what was asked before an offset is another terminal's to answer, or has been answered."""
        self._answered = max(self._answered, offset)

    def answer(self, log: RingLog) -> bytes:
        """Return the answers to what was asked since, once."""
        self.catch_up(log, to=self._answered)
        self._replies()
        self._answered = log.end
        self.catch_up(log, to=log.end)
        return self._replies()

    def _replies(self) -> bytes:
        """Take what the emulator answered to the queries in what was fed."""
        return self._screen.replies() if self._screen is not None else b""

    @property
    def is_known(self) -> bool:
        """True when `repaint` shows what a terminal shows that was fed everything, as far as can be told now."""
        if not self._is_open:
            return is_available()
        return self._screen is not None and not self._screen.lost

    @property
    def is_emulated(self) -> bool:
        """True while there is an emulator."""
        return self._screen is not None

    def folded(self) -> "Picture":
        """Let go of the emulator, right after `save`; return the picture that opens one from there again."""
        self.close()
        return Picture(self.saved_size, self._memory, changes=self.changes)

    def close(self) -> None:
        """Let go of the emulator. Idempotent."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def _opened(self) -> Screen | None:
        if not self._is_open:
            self._is_open = True
            self._screen = open_screen(self._size)
            if self._screen is not None:
                self._screen.feed(self._memory.read_snapshot().data)
                self._screen.replies()
        return self._screen
