"""A session's screen, kept while nobody looks, so that who comes back is shown it. It is in the emulators' process.

`feed` takes anything in any pieces, and nothing here raises. What a screen uses of memory and of the processor is
bounded; a program that makes it use more than programs do loses it: repaints are blank then, and `lost` says why.
"""

import re
import time
from contextlib import closing, suppress

from whale.model.terminal import TerminalSize
from whale.screen.allowance import Allowance
from whale.screen.emulator import Emulator
from whale.screen.events import Events
from whale.screen.library import Library, LibraryError, load
from whale.screen.repaint import erase_halves, repaint, reset
from whale.screen.scrolled import scrolls_whole, without_scrolled
from whale.screen.slices import Slicer
from whale.screen.strings import Kind, after_end, last_kind

MAX_COLS = 1000
MAX_ROWS = 1000
"""A row costs a repaint 20 µs, also an empty one: 65,535 of them held everybody up for a second and a half."""

MAX_CELLS = 100_000
"""Cells that are emulated at most. The largest windows people have are 640 by 160. Of a larger terminal the upper left
part is kept."""

_CANCEL = b"\x18"
_ESCAPE = b"\x1b"
_COLOURS = re.compile(rb"\x1b\](?:4;|5;|1\d;|21;|104|105|11\d)")
_HEAD = 8
"""Bytes of an unfinished sequence that say what it is."""

_SAMPLE = (
    b"\x1b]2;title\x07\x1b]7;file://host/\x07\x1b]4;1;#010203\x07\x1b]10;#010203\x07\x1b[>1u\x1b[?2004h\x1b[?1003h"
    b'\x1b[1;4:3;38;2;1;2;3;48;5;9;58:2::1:2:3mab\x1b[41m\x1b[K\x1b[48;2;1;2;3m\x1b[2;1H\x1b[K\x1b[m\x1b[1"q'
    b"\x1b]8;id=a;http://x\x07ab\x1b]8;;\x07e\xcc\x81\xe6\xbc\xa2\x1b7\x1b[c\x1b[2;3r\x1b[?1049h\x1b[3 qalt\x1b[3"
)
"""Output that needs all that is known of the library: each kind of cell, style, mode and colour, both screens."""


def warm_up() -> None:
    """Do once what would make the first screen slow: load the library, and have the binding read its declarations.

    That takes some 300 ms, more than half of it at the first use of each type. Any thread may do it. Never raises.
    """
    with suppress(LibraryError):
        _use_once()


def _use_once() -> None:
    screen = open_screen(TerminalSize(cols=8, rows=4))
    if screen is None:
        return
    with closing(screen):
        screen.feed(_SAMPLE)
        screen.resize(TerminalSize(cols=7, rows=4))
        screen.repaint()


def unavailable() -> str:
    """Say why there can be no screens on this machine; empty where there can."""
    return load().reason


def open_screen(size: TerminalSize) -> "Screen | None":
    """Return a terminal of that size as after a reset; None where `unavailable` says why."""
    library = load().library
    return Screen(library, size) if library else None


def bounded(size: TerminalSize) -> TerminalSize:
    """Return the part of a size that is emulated."""
    cols = max(1, min(size.cols, MAX_COLS))
    return TerminalSize(cols=cols, rows=max(1, min(size.rows, MAX_ROWS, MAX_CELLS // cols)))


class Screen:
    """One terminal. It must be closed."""

    def __init__(self, library: Library, size: TerminalSize) -> None:
        self.lost = ""
        """Why there is no picture any more."""
        self._size = bounded(size)
        self._events = Events()
        self._emulator: Emulator | None = Emulator.open(library, self._size)
        self._emulator.connect(self._events)
        self._allowance = Allowance()
        self._slicer = Slicer()
        self._head = b""
        """The first bytes of what is unfinished."""
        self._too_long: Kind | None = None
        """The sequence whose end is waited for."""
        self._has_colours = False
        self._scrolls_whole: bool | None = None
        """Whether the whole screen scrolls; None when that may have changed."""

    def feed(self, data: bytes) -> None:
        """Take output."""
        emulator = self._emulator
        if emulator is None:
            return
        if self._too_long:
            rest = after_end(self._too_long, data)
            if rest is None:
                return
            self._too_long, data = None, rest
        self._has_colours = self._has_colours or self._sets_colours(data)
        try:
            self._write(emulator, data)
        except LibraryError as error:
            self._lose(f"the emulator failed: {error}")

    def resize(self, size: TerminalSize) -> None:
        """Take the terminal's new size."""
        self._size = bounded(size)
        self._scrolls_whole = None
        try:
            if self._emulator is not None:
                self._emulator.resize(self._size)
        except LibraryError as error:
            self._lose(f"the emulator failed: {error}")

    def repaint(self) -> bytes:
        """Return output that brings a terminal of this size, whatever was on it, to this screen and state.

        What is unfinished, a sequence or a character, is at its end, for the output that follows.
        """
        for mend in (False, True):
            try:
                return self._painted(mend=mend)
            except LibraryError as error:
                reason = f"the emulator failed: {error}"
        self._lose(reason)
        return reset()

    def replies(self) -> bytes:
        """Return what the terminal answered to queries since the last call. What nobody takes is dropped at 4 KiB."""
        return self._events.take()

    def close(self) -> None:
        """Free the terminal. What is fed after that is dropped."""
        emulator, self._emulator = self._emulator, None
        if emulator is not None:
            emulator.close()

    def _write(self, emulator: Emulator, data: bytes) -> None:
        began = time.thread_time()
        for piece in self._slicer.slices(self._shortened(emulator, data)):
            emulator.write(piece)
            ended = time.thread_time()
            if not self._allowance.spend(ended - began, size=len(piece)):
                self._lose("its output takes too long to emulate")
                return
            began = ended
        size, is_between = emulator.settled()
        if size != self._size:
            # Programs can ask for another size, but the terminal that is painted does not follow them.
            emulator.resize(self._size)
        head, self._head = self._head, b""
        if not is_between:
            self._keep_head(emulator, head + data)

    def _shortened(self, emulator: Emulator, data: bytes) -> bytes:
        """Leave out what shows nothing any more."""
        shorter = without_scrolled(data, self._size.rows)
        if shorter is data or not emulator.settled()[1]:
            self._scrolls_whole = None if _ESCAPE in data else self._scrolls_whole
            return data
        if self._scrolls_whole is None:
            self._scrolls_whole = scrolls_whole(emulator)
        return shorter if self._scrolls_whole else data

    def _keep_head(self, emulator: Emulator, data: bytes) -> None:
        unfinished = emulator.unfinished()
        if unfinished is None:
            emulator.write(_CANCEL)
            self._too_long = last_kind(data)
        else:
            self._head = unfinished[:_HEAD]

    def _painted(self, *, mend: bool) -> bytes:
        emulator = self._emulator
        if emulator is None:
            return reset()
        if mend:
            self._mend(emulator)
        painted = repaint(emulator, has_title=self._events.has_title, has_colours=self._has_colours)
        return painted + (self._too_long.stand_in if self._too_long else b"")

    def _mend(self, emulator: Emulator) -> None:
        """Bring the emulator out of states that its library cannot copy: some unfinished strings, some resizes."""
        if not emulator.settled()[1]:
            emulator.write(_CANCEL)
            self._too_long, self._head = last_kind(self._head), b""
        erase_halves(emulator)

    def _sets_colours(self, data: bytes) -> bool:
        if not self._head and (_ESCAPE not in data or b"]" not in data):
            return False  # nearly always, and found out faster
        return bool(_COLOURS.search(data) or (self._head and _COLOURS.search(self._head + data[:_HEAD])))

    def _lose(self, reason: str) -> None:
        self.lost = reason
        self.close()
