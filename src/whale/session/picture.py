"""What a terminal session looks like: its output fed to a terminal emulator, no earlier than somebody needs it.

The output log has the newest bytes. Before any leave it the emulator is fed with all there are, and its picture is put
beside the log. So log and picture together are always the whole session, also for a later process, and a session that
writes little, or that nobody comes back to, costs no emulator.

Emulators can be gone at any time, all at once; then the picture is made again from the memory. If it was this session's
output that ended them, that is noted in the memory, and no server makes a picture of it again: who comes back sees
what comes from then on, as on a machine without an emulator.
"""

from collections import deque
from collections.abc import Iterable

from whale.model.limits import KIB
from whale.model.terminal import TerminalSize
from whale.screen.screens import Screen, is_possible, open_screen
from whale.session.memory import SessionMemory, Snapshot
from whale.session.ring import RingLog

PIECE = 64 * KIB
"""Bytes fed at once."""

DEFAULT_SIZE = TerminalSize(cols=80, rows=24)

MAX_SIZES = 64
"""Changes of size that are remembered. Programs draw anew after each, so that an old one matters to nobody."""

_ATTEMPTS = 2
"""How often a picture is tried for: once more when the emulators are gone and it was another session's fault."""

Resize = tuple[int, TerminalSize]
"""A change of size, with the offset of the output that it came at."""


class Picture:
    """The picture behind some offset of the output: `catch_up` moves it on, `repaint` shows the newest."""

    def __init__(self, size: TerminalSize | None, memory: SessionMemory, *, changes: Iterable[Resize] = ()) -> None:
        """`size`: of the terminal at the offset of the memory's snapshot; `changes`: of it, since then."""
        self._memory = memory
        self._screen: Screen | None = None
        self._size = size or DEFAULT_SIZE
        self.offset = memory.read_snapshot().offset
        """Everything below it was fed, or is not going to be."""
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
            if screen is None or screen.is_gone:
                self.offset = stop
                continue
            data = log.read(offset=self.offset, size=min(PIECE, stop - self.offset))
            screen.feed(data)
            self.offset += len(data)

    def save(self, log: RingLog, *, to: int) -> bool:
        """Put the picture behind an offset, or a later one, into the memory: what the log has before may leave it now.

        False for one that is too large, in whose place nothing was put.
        """
        data = self._painted(log, to=to)
        is_saved = self._memory.write_snapshot(Snapshot(self.offset, data))
        if not is_saved:
            self._memory.write_snapshot(Snapshot(self.offset, b""))
        self.saved_size = self._size
        self.changes = self._ahead.copy()
        return is_saved

    def frame(self, log: RingLog, *, at: int) -> tuple[TerminalSize, bytes] | None:
        """Return size and picture at the very offset, and save that; None when it is past it, or there is none."""
        if self.offset > at or not self.save(log, to=at) or self.offset != at:
            return None
        data = self._memory.read_snapshot().data
        return (self.saved_size, data) if data else None

    @property
    def saved_at(self) -> int:
        """Offset of the picture that was saved last."""
        return self._memory.read_snapshot_offset()

    def repaint(self, log: RingLog) -> bytes:
        """Return what brings a terminal to the newest picture; empty where there is no emulator."""
        return self._painted(log, to=log.end)

    def answered_until(self, offset: int) -> None:
        """Note that what was asked before an offset is another terminal's to answer, or has been answered."""
        self._answered = max(self._answered, offset)

    def answer(self, log: RingLog) -> bytes:
        """Return the answers to what was asked since, once."""
        replies = b""
        for _ in range(_ATTEMPTS):
            self.catch_up(log, to=self._answered)
            self._replies()  # of which the snapshot has none, and the rest are not ours to give
            screen = self._screen
            self.catch_up(log, to=log.end)
            if self._screen is not screen:
                self.close()  # this one was fed everything at once, so that nobody knows what was asked when
                continue
            replies = self._replies()
            if not self._is_worth_another_try:
                break
        self._answered = log.end
        return replies

    def _replies(self) -> bytes:
        """Take what the emulator answered to the queries in what was fed."""
        return self._screen.replies() if self._screen is not None else b""

    @property
    def is_known(self) -> bool:
        """True when `repaint` shows what a terminal shows that was fed everything, as far as can be told now."""
        return is_possible() and not self._memory.is_picture_given_up

    @property
    def is_emulated(self) -> bool:
        """True while there is an emulator."""
        return self._screen is not None and not self._screen.is_gone

    def folded(self) -> "Picture":
        """Let go of the emulator, right after `save`; return the picture that opens one from there again."""
        self.close()
        return Picture(self.saved_size, self._memory, changes=self.changes)

    def close(self) -> None:
        """Let go of the emulator. Idempotent."""
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    @property
    def _is_lost(self) -> bool:
        """True when the emulator that there was is gone."""
        return self._screen is not None and self._screen.is_gone

    @property
    def _is_worth_another_try(self) -> bool:
        """True when the emulator is gone, and not at this session's output: that would hold everybody up once more."""
        return self._screen is not None and self._screen.is_gone and not self._screen.is_blamed

    def _painted(self, log: RingLog, *, to: int) -> bytes:
        for _ in range(_ATTEMPTS):
            self.catch_up(log, to=to)
            painted = self._screen.repaint() if self._screen is not None else b""
            if not self._is_worth_another_try:
                return painted
        return b""

    def _opened(self) -> Screen | None:
        """Return the emulator; one that there was not yet, or that is gone, begins at the snapshot."""
        if self._is_lost:
            self._screen = None
        if self._screen is None and not self._memory.is_picture_given_up:
            self._screen = open_screen(self.saved_size, blame=self._memory.blame_picture)
            if self._screen is not None:
                snapshot = self._memory.read_snapshot()
                self.offset, self._size, self._ahead = snapshot.offset, self.saved_size, self.changes.copy()
                self._screen.feed(snapshot.data)
        return self._screen
