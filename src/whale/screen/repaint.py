"""Composes a repaint: output that brings a terminal of the same size to what an emulator shows.

First everything the terminal may still have of before is switched off, then the main screen is painted, then, where
it is shown, the alternate one over it. Modes come last, because they change how all that is understood.

What the library does not keep is not in it: images, stacks of titles, saved modes. Nor is the scrollback.
"""

from contextlib import closing
from typing import NamedTuple

from whale.screen.cells import Reader, Row, printable
from whale.screen.emulator import WRAP, Emulator
from whale.screen.paint import BLANKS, PLAIN, Painter, dress
from whale.screen.state import (
    INSERT,
    MARGINS,
    MOUSE,
    ORIGIN,
    RESET,
    Cursor,
    Mode,
    Region,
    alternate_mode,
    read_cursor,
    read_keyboard,
    read_modes,
    read_other_keys,
    read_region,
    read_saved_cursor,
    read_tabstops,
)

_ABORT = b"\x18\x1b\\"
"""Ends what the terminal is in the middle of: CAN, and for those that let no CAN end a string, ST."""

_PLAIN = b'\x1b[0m\x1b]8;;\x1b\\\x1b[0"q\x1b(B\x1b)B\x1b*B\x1b+B\x0f'
"""Characters and character sets as usual."""

_NO_KEYBOARD = b"\x1b[<99u"
_CLEAR = b"\x1b[H\x1b[2J"
_SAVE = b"\x1b7"
_SHAPES = {0: (6, 5), 1: (2, 1), 2: (4, 3)}
"""Parameters of DECSCUSR for a bar, a block and an underline, steady and blinking."""

_USUAL_COLOURS = b"\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\"


class Shown(NamedTuple):
    """One of the two screens, with what belongs to it alone."""

    rows: list[Row]
    saved: Cursor
    keyboard: bytes


def reset() -> bytes:
    """Return what brings a terminal to an empty main screen with everything as usual, but its title and colours."""
    return b"".join(
        (
            _ABORT,
            # The alternate screen has a saved cursor and a keyboard of its own, which a program may have left there.
            Mode(1049).sequence(is_set=True),
            _NO_KEYBOARD,
            Mode(ORIGIN).sequence(is_set=False),
            _PLAIN,
            _CLEAR,
            _SAVE,
            Mode(1049).sequence(is_set=False),
            *(mode.sequence(is_set=mode.is_usual) for mode in (*RESET, *MOUSE)),
            Mode(ORIGIN).sequence(is_set=False),
            Mode(MARGINS).sequence(is_set=False),
            b"\x1b>\x1b[>4m",
            _NO_KEYBOARD,
            b"\x1b[0 q",
            _PLAIN,
            b"\x1b[r",
            _CLEAR,
            _SAVE,
        )
    )


def repaint(emulator: Emulator, *, has_title: bool, has_colours: bool) -> bytes:
    """Return the whole repaint. Title and colours are left alone where no program ever set them.

    Raises LibraryError where the library refuses.
    """
    out = bytearray(reset())
    out += _title(emulator, has_title) + (_colours(emulator) if has_colours else b"")
    rows, place = _rows(emulator), emulator.place()
    clone = emulator.clone()
    try:
        # Only on the clone: what is unfinished goes on in the terminal.
        clone.write(b"\x18")
        region, tabstops, other_keys = read_region(clone), read_tabstops(clone), read_other_keys(clone)
        cursor = read_cursor(clone)._replace(place=place)
        shown = Shown(rows, read_saved_cursor(clone), read_keyboard(clone))
        out += other_keys + tabstops
        if emulator.is_alternate:
            out += _hidden(clone)
            out += Mode(alternate_mode(emulator)).sequence(is_set=True) + _NO_KEYBOARD
            out += Mode(ORIGIN).sequence(is_set=False) + _PLAIN + _CLEAR + tabstops
    finally:
        clone.close()
    out += _painted(rows) + shown.keyboard + region.sequences + _placed(shown.saved, rows, region) + _SAVE
    out += _placed(cursor, rows, region) + _shape(emulator) + read_modes(emulator)
    out += _last_again(cursor, rows, region, emulator)
    return bytes(out) + (emulator.unfinished() or b"")


def erase_halves(emulator: Emulator) -> None:
    """Erase wide characters whose right half a resize cut off, on the alternate screen, shown or not.

    Only there rows are cut. Nothing may be unfinished.
    """
    if emulator.is_alternate:
        _erase_halves(emulator)
    else:
        emulator.write(b"\x1b[?47h")
        _erase_halves(emulator)
        emulator.write(b"\x1b[?47l")


def _erase_halves(emulator: Emulator) -> None:
    erased = b"".join(
        b"\x1b[%d;%dH\x1b[%b" % (y + 1, x + 1, b"P" if x + 1 == len(row.cells) else b"X")
        for y, row in enumerate(_rows(emulator))
        for x in _halves(row)
    )
    region, place, is_origin = read_region(emulator), emulator.place(), emulator.mode(ORIGIN)
    back = _to(place.x, place.y, Cursor(place, PLAIN, b"", is_origin), region)
    emulator.write(Mode(ORIGIN).sequence(is_set=False) + erased + Mode(ORIGIN).sequence(is_set=is_origin) + back)


def _halves(row: Row) -> list[int]:
    """Columns of wide characters that no second half follows."""
    following = [*(cell.width for cell in row.cells[1:]), 1]
    return [x for x, (cell, after) in enumerate(zip(row.cells, following, strict=True)) if cell.width > 1 and after]


def _hidden(clone: Emulator) -> bytes:
    """Paint the main screen that is behind the alternate one, and leave its saved cursor to be saved."""
    clone.write(b"\x1b[?47l")
    rows = _rows(clone)
    saved, keyboard = read_saved_cursor(clone), read_keyboard(clone)
    return _painted(rows) + keyboard + _placed(saved, rows, _whole(rows)) + _SAVE


def _rows(emulator: Emulator) -> list[Row]:
    with closing(Reader(emulator)) as reader:
        return list(reader.rows())


def _painted(rows: list[Row]) -> bytes:
    painter = Painter()
    painter.paint(rows)
    return bytes(painter.output)


def _placed(cursor: Cursor, rows: list[Row], region: Region) -> bytes:
    """Return what brings the cursor to its place and look. The region must be set, and nothing else be unusual."""
    x, y, is_pending = cursor.place
    out = _PLAIN + Mode(ORIGIN).sequence(is_set=_is_origin(cursor, region))
    # Nothing but writing the last column puts a cursor behind it.
    start = _before(cursor, rows) if is_pending else x
    out += _to(start, y, cursor, region)
    if is_pending:
        painter = Painter()
        painter.cell(rows[y].cells[start])
        out += bytes(painter.output) + _PLAIN
    return out + dress(cursor.look) + cursor.charsets


def _last_again(cursor: Cursor, rows: list[Row], region: Region, emulator: Emulator) -> bytes:
    """Write the character before the cursor once more, where that changes nothing.

    What comes next may be an accent for it, or ask to repeat it: both need it to be the last thing written.
    """
    x, y, is_pending = cursor.place
    start = _before(cursor, rows)
    cell = rows[y].cells[start] if start >= 0 else None
    if cell is None or cell.text in BLANKS or cell.look != cursor.look or cursor.charsets:
        return b""
    is_next = is_pending or start + cell.width == x
    if not is_next or emulator.mode(INSERT, is_ansi=True) or not emulator.mode(WRAP):
        return b""
    return _to(start, y, cursor, region) + cell.text.encode()


def _before(cursor: Cursor, rows: list[Row]) -> int:
    """Return the column of the character that a cursor is behind; -1 for none."""
    x, y, is_pending = cursor.place
    before = x if is_pending else x - 1
    return before - 1 if before > 0 and not rows[y].cells[before].width else before


def _whole(rows: list[Row]) -> Region:
    return Region(0, 0, len(rows[0].cells) - 1, len(rows) - 1)


def _is_origin(cursor: Cursor, region: Region) -> bool:
    """Tell whether a cursor's place can be counted from the region. If not, where it is comes before how it counts."""
    x, y, _ = cursor.place
    return cursor.is_origin and region.left <= x <= region.right and region.top <= y <= region.bottom


def _to(x: int, y: int, cursor: Cursor, region: Region) -> bytes:
    left, top = (region.left, region.top) if _is_origin(cursor, region) else (0, 0)
    return b"\x1b[%d;%dH" % (y - top + 1, x - left + 1)


def _shape(emulator: Emulator) -> bytes:
    with closing(Reader(emulator)) as reader:
        shapes = _SHAPES.get(reader.shape())
    is_blinking = emulator.mode(12)
    if shapes:
        return b"\x1b[%d q" % shapes[is_blinking]
    return Mode(12).sequence(is_set=True) if is_blinking else b""


def _title(emulator: Emulator, has_title: bool) -> bytes:
    title = b"\x1b]2;%b\x1b\\" % printable(emulator.text("TITLE")) if has_title else b""
    directory = printable(emulator.text("PWD"))
    return title + (b"\x1b]7;%b\x1b\\" % directory if directory else b"")


def _colours(emulator: Emulator) -> bytes:
    out = _USUAL_COLOURS
    palette, usual = emulator.palette("COLOR_PALETTE"), emulator.palette("COLOR_PALETTE_DEFAULT")
    for number in range(256):
        rgb = palette[number * 3 : number * 3 + 3]
        if rgb != usual[number * 3 : number * 3 + 3]:
            out += b"\x1b]4;%d;rgb:%02x/%02x/%02x\x1b\\" % (number, *rgb)
    for number, name in ((10, "COLOR_FOREGROUND"), (11, "COLOR_BACKGROUND"), (12, "COLOR_CURSOR")):
        colour = emulator.colour(name)
        if colour:
            out += b"\x1b]%d;rgb:%02x/%02x/%02x\x1b\\" % (number, *colour)
    return out
