"""Reads what an emulator would do with what comes next: cursors, modes, tab stops, keyboard.

Much of that the library tells nobody. It is found out by trying, on a clone: restore the saved cursor and look where
it went, write a letter and look how it looks, leave the alternate screen and look what is behind it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from whale.screen.cells import Look, read_look
from whale.screen.emulator import WRAP, Emulator, Place
from whale.screen.mouse import FORMATS, TRACKING, read_mouse

INSERT, ORIGIN, KEYPAD, MARGINS = 4, 6, 66, 69
ALTERNATE_SCREENS = (1049, 1047, 47)
"""The modes that show the alternate screen, the usual one first."""

_ASCII = re.compile(rb"\x1b[()*+]B")
"""Selects what is selected anyway; the library tells it from nothing selected, terminals do not."""

_ROWS, _COLS = re.compile(rb"\x1b\[(\d+);(\d+)r"), re.compile(rb"\x1b\[(\d+);(\d+)s")
_DEPTH = 8
"""Entries of the keyboard's stack that the library keeps."""


class Mode(NamedTuple):
    """A mode that a repaint cares for; `is_usual` when it is set after a reset."""

    number: int
    is_ansi: bool = False
    is_usual: bool = False

    def sequence(self, *, is_set: bool) -> bytes:
        return b"\x1b[%b%d%b" % (b"" if self.is_ansi else b"?", self.number, b"h" if is_set else b"l")


RESET = (
    Mode(2, is_ansi=True),
    Mode(4, is_ansi=True),
    Mode(20, is_ansi=True),
    *(Mode(number) for number in (1, 5, 45)),
    Mode(WRAP, is_usual=True),
    Mode(25, is_usual=True),
    *(Mode(number) for number in (1004, 1045, 2004, 2026, 2027, 2031, 2048)),
)
"""Modes that have one meaning and one value after a reset everywhere."""

MOUSE = (*map(Mode, TRACKING), *map(Mode, FORMATS))

UNUSUAL = (
    Mode(12, is_ansi=True, is_usual=True),
    *(Mode(number) for number in (4, 8, 67, 1039)),
    *(Mode(number, is_usual=True) for number in (1007, 1035, 1036)),
)
"""Modes whose value after a reset is the user's choice: they are sent only when a program changed them."""


class Cursor(NamedTuple):
    """A cursor, with all that is saved and restored with it."""

    place: Place
    look: Look
    charsets: bytes
    """Sequences that select its character sets, from the usual ones."""
    is_origin: bool


class Region(NamedTuple):
    """The part of the screen that scrolls: columns and rows from 0, the last ones included; and how to set it."""

    left: int
    top: int
    right: int
    bottom: int
    sequences: bytes = b""


def alternate_mode(emulator: Emulator) -> int:
    """Return the mode by which the alternate screen came to be shown, so that leaving it does what it would."""
    return next((number for number in ALTERNATE_SCREENS if emulator.mode(number)), ALTERNATE_SCREENS[0])


def read_modes(emulator: Emulator) -> bytes:
    """Return the sequences that set the modes which are not as usual."""
    found = ((mode, emulator.mode(mode.number, is_ansi=mode.is_ansi)) for mode in (*RESET, *UNUSUAL))
    sequences = [mode.sequence(is_set=is_set) for mode, is_set in found if is_set != mode.is_usual]
    sequences += (Mode(number).sequence(is_set=True) for number in read_mouse(emulator))
    return b"".join(sequences) + (b"\x1b=" if emulator.mode(KEYPAD) else b"")


def read_region(emulator: Emulator) -> Region:
    """Read the scrolling region."""
    sequences = _state(emulator, "scrolling_region")
    size, _ = emulator.settled()
    top, bottom = _bounds(_ROWS.search(sequences), size.rows)
    left, right = _bounds(_COLS.search(sequences), size.cols)
    if emulator.mode(MARGINS):
        sequences = Mode(MARGINS).sequence(is_set=True) + sequences
    return Region(left, top, right, bottom, sequences)


def _bounds(found: re.Match[bytes] | None, count: int) -> tuple[int, int]:
    return (int(found[1]) - 1, int(found[2]) - 1) if found else (0, count - 1)


def read_tabstops(emulator: Emulator) -> bytes:
    """Return the sequences that set the tab stops; they move the cursor."""
    return _formatted(emulator, "tabstops").removesuffix(_formatted(emulator))


def read_other_keys(emulator: Emulator) -> bytes:
    """Return the sequence that has modified keys told from others, if they are."""
    return _state(emulator, "keyboard")


def read_cursor(clone: Emulator) -> Cursor:
    """Read the cursor of the screen that is shown. Leaves the clone with another one."""
    place, is_origin = clone.place(), clone.mode(ORIGIN)
    charsets = _ASCII.sub(b"", _state(clone, "charsets"))
    clone.write(b"\x1b[H")
    corner = clone.place()
    clone.write(b"x")
    return Cursor(place, read_look(clone, corner.x, corner.y), charsets, is_origin)


def read_saved_cursor(clone: Emulator) -> Cursor:
    """Read what restoring the cursor would bring back on the screen that is shown."""
    clone.write(b"\x1b8")
    return read_cursor(clone)


def read_keyboard(clone: Emulator) -> bytes:
    """Return the sequences that build the kitty keyboard's stack of the screen that is shown. Empties the clone's."""
    return b"".join(b"\x1b[>%du" % flags for flags in reversed(list(_pop_all(clone))))


def _pop_all(clone: Emulator) -> Iterator[int]:
    entries = []
    for _ in range(_DEPTH):
        entries.append(int(clone.get("KITTY_KEYBOARD_FLAGS", "uint8_t")))
        clone.write(b"\x1b[<u")
    while entries and not entries[-1]:
        entries.pop()
    yield from entries


def _state(emulator: Emulator, extra: str) -> bytes:
    return _formatted(emulator, extra).removeprefix(_formatted(emulator))


def _formatted(emulator: Emulator, extra: str = "") -> bytes:
    """Have the library's formatter write the first cell and, before or behind it, one kind of state."""
    library = emulator.library
    ffi, lib, _ = library
    options = library.sized("GhosttyFormatterTerminalOptions")
    options.emit = lib.GHOSTTY_FORMATTER_FORMAT_VT
    if extra:
        setattr(options.extra.screen if extra == "charsets" else options.extra, extra, True)
    first = library.sized("GhosttySelection")
    first.start = first.end = emulator.reference(0, 0)[0]
    options.selection = first
    formatter, data, length = ffi.new("GhosttyFormatter *"), ffi.new("uint8_t **"), ffi.new("size_t *")
    library.check(lib.ghostty_formatter_terminal_new(ffi.NULL, formatter, emulator.handle, options[0]), "formatter")
    try:
        library.check(lib.ghostty_formatter_format_alloc(formatter[0], ffi.NULL, data, length), "format")
    finally:
        lib.ghostty_formatter_free(formatter[0])
    return library.take(data, length)
