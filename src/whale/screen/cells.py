"""Reads what is on an emulator's screen, row by row.

A row comes as raw numbers, one for each cell; equal numbers in one row look the same, so a number is decoded once. What
has no style looks the same in all rows.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from whale.screen import style
from whale.screen.emulator import Emulator

_PLAIN, _COMBINED, _PALETTE_ONLY, _RGB_ONLY = range(4)
_NARROW, _WIDE = range(2)
_UNPRINTABLE = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\ufffd")
"""Control characters can be no cell's text; should the library keep one, it is not sent on."""


class Look(NamedTuple):
    """How a cell is painted: SGR parameters, and whether it is protected from erasing."""

    sgr: bytes = style.DEFAULT
    is_protected: bool = False


class Cell(NamedTuple):
    """One cell. `text` is empty for one that was erased; `width` is 0 for the second half of a wide character."""

    text: str
    width: int
    look: Look


class _Decoded(NamedTuple):
    codepoint: int
    tag: int
    width: int
    has_style: bool
    style_id: int
    is_protected: bool
    background: bytes


class Row(NamedTuple):
    """Cells of one row; `is_wrapped` when its text goes on in the next one."""

    cells: list[Cell]
    is_wrapped: bool


class Reader:
    """Reads the screen that is shown. It must be closed; what it has read stays."""

    def __init__(self, emulator: Emulator) -> None:
        self._library = emulator.library
        self._emulator = emulator
        ffi, lib, _ = emulator.library
        self._state = ffi.new("GhosttyRenderState *")
        self._rows = ffi.new("GhosttyRenderStateRowIterator *")
        self._cells = ffi.new("GhosttyRenderStateRowCells *")
        emulator.library.check(lib.ghostty_render_state_new(ffi.NULL, self._state), "render state")
        emulator.library.check(lib.ghostty_render_state_row_iterator_new(ffi.NULL, self._rows), "rows")
        emulator.library.check(lib.ghostty_render_state_row_cells_new(ffi.NULL, self._cells), "cells")
        self._style = emulator.library.sized("GhosttyStyle")
        self._decoded: dict[int, _Decoded] = {}
        self._found: dict[str, Any] = {}
        self._looks: dict[Look, Look] = {}
        self._plain: dict[int, Cell] = {}
        """Cells that are the same in every row."""

    def rows(self) -> Iterator[Row]:
        """Yield the rows from the top. The emulator must not be written to meanwhile."""
        ffi, lib, _ = self._library
        self._update()
        key = lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR
        self._library.check(lib.ghostty_render_state_get(self._state[0], key, self._rows), "rows")
        view, raw, wraps = ffi.new("GhosttyCellsView *"), ffi.new("GhosttyRow *"), ffi.new("bool *")
        while lib.ghostty_render_state_row_iterator_next(self._rows[0]):
            for data, found in (("CELLS_RAW", view), ("RAW", raw), ("CELLS", self._cells)):
                key = getattr(lib, f"GHOSTTY_RENDER_STATE_ROW_DATA_{data}")
                self._library.check(lib.ghostty_render_state_row_get(self._rows[0], key, found), data)
            self._library.check(lib.ghostty_row_get(raw[0], lib.GHOSTTY_ROW_DATA_WRAP, wraps), "wrap")
            yield Row(self._read_cells(ffi.unpack(view.ptr, view.len)), bool(wraps[0]))

    def shape(self) -> int:
        """Return the cursor's shape, one of GHOSTTY_RENDER_STATE_CURSOR_VISUAL_STYLE_*."""
        self._update()
        found = self._library.ffi.new("GhosttyRenderStateCursorVisualStyle *")
        key = self._library.lib.GHOSTTY_RENDER_STATE_DATA_CURSOR_VISUAL_STYLE
        self._library.check(self._library.lib.ghostty_render_state_get(self._state[0], key, found), "shape")
        return int(found[0])

    def close(self) -> None:
        """Free what reading needs."""
        lib = self._library.lib
        lib.ghostty_render_state_row_cells_free(self._cells[0])
        lib.ghostty_render_state_row_iterator_free(self._rows[0])
        lib.ghostty_render_state_free(self._state[0])

    def _update(self) -> None:
        lib = self._library.lib
        self._library.check(lib.ghostty_render_state_update(self._state[0], self._emulator.handle), "update")

    def _read_cells(self, numbers: list[int]) -> list[Cell]:
        known = self._plain.copy()
        found = [known.get(number) for number in numbers]
        if None not in found:
            return cast(list[Cell], found)
        cells = []
        for x, number in enumerate(numbers):
            cell = known.get(number)
            if cell is None:
                decoded = self._decoded.get(number) or self._decode(number)
                cell = self._cell(decoded, x)
                # What is beside the number differs from cell to cell.
                if decoded.tag != _COMBINED:
                    known[number] = cell
                    if not decoded.has_style:
                        self._plain[number] = cell
            cells.append(cell)
        return cells

    def _cell(self, decoded: _Decoded, x: int) -> Cell:
        look = Look(self._sgr(x) if decoded.has_style else decoded.background, decoded.is_protected)
        look = self._looks.setdefault(look, look)  # equal looks are one object: who paints them asks for that first
        text = ""
        if decoded.tag == _COMBINED:
            text = self._combined(x)
        elif decoded.codepoint and decoded.width:
            text = chr(decoded.codepoint).translate(_UNPRINTABLE)
        return Cell(text, decoded.width, look)

    def _decode(self, number: int) -> _Decoded:
        lib = self._library.lib
        get = self._get
        tag = get(number, lib.GHOSTTY_CELL_DATA_CONTENT_TAG, "GhosttyCellContentTag")
        wide = get(number, lib.GHOSTTY_CELL_DATA_WIDE, "GhosttyCellWide")
        background = style.DEFAULT
        if tag == _PALETTE_ONLY:
            index = get(number, lib.GHOSTTY_CELL_DATA_COLOR_PALETTE, "GhosttyColorPaletteIndex")
            background = b"0;" + style.indexed(style.BACKGROUND, index)
        elif tag == _RGB_ONLY:
            rgb = get(number, lib.GHOSTTY_CELL_DATA_COLOR_RGB, "GhosttyColorRgb")
            background = b"0;" + style.direct(style.BACKGROUND, rgb.r, rgb.g, rgb.b)
        has_text = tag in (_PLAIN, _COMBINED)
        decoded = _Decoded(
            codepoint=get(number, lib.GHOSTTY_CELL_DATA_CODEPOINT, "uint32_t") if has_text else 0,
            tag=tag,
            width=wide + 1 if wide in (_NARROW, _WIDE) else 0,
            has_style=has_text and bool(get(number, lib.GHOSTTY_CELL_DATA_HAS_STYLING, "bool")),
            style_id=get(number, lib.GHOSTTY_CELL_DATA_STYLE_ID, "uint16_t") if has_text else 0,
            is_protected=bool(get(number, lib.GHOSTTY_CELL_DATA_PROTECTED, "bool")),
            background=background,
        )
        self._decoded[number] = decoded
        return decoded

    def _get(self, number: int, key: int, type_name: str) -> Any:
        found = self._found.get(type_name)
        if found is None:
            found = self._found[type_name] = self._library.ffi.new(f"{type_name} *")
        self._library.check(self._library.lib.ghostty_cell_get(number, key, found), type_name)
        return found[0]

    def _select(self, x: int) -> None:
        lib = self._library.lib
        self._library.check(lib.ghostty_render_state_row_cells_select(self._cells[0], x), "select")

    def _sgr(self, x: int) -> bytes:
        lib = self._library.lib
        self._select(x)
        key = lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_STYLE
        self._library.check(lib.ghostty_render_state_row_cells_get(self._cells[0], key, self._style), "style")
        return style.sgr(self._style)

    def _combined(self, x: int) -> str:
        """Text of a cell with more than one code point. The library keeps up to 65 of them."""
        ffi, lib, _ = self._library
        self._select(x)
        buffer = ffi.new("GhosttyBuffer *")
        space = ffi.new("uint8_t []", 512)
        buffer.ptr, buffer.cap = space, len(space)
        key = lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_GRAPHEMES_UTF8
        self._library.check(lib.ghostty_render_state_row_cells_get(self._cells[0], key, buffer), "text")
        return bytes(ffi.buffer(space, buffer.len)).decode(errors="replace").translate(_UNPRINTABLE)


def read_look(emulator: Emulator, x: int, y: int) -> Look:
    """Return how one cell looks."""
    library = emulator.library
    lib = library.lib
    reference = emulator.reference(x, y)
    found, cell, is_protected = (
        library.sized("GhosttyStyle"),
        library.ffi.new("GhosttyCell *"),
        library.ffi.new("bool *"),
    )
    library.check(lib.ghostty_grid_ref_style(reference, found), "style")
    library.check(lib.ghostty_grid_ref_cell(reference, cell), "cell")
    library.check(lib.ghostty_cell_get(cell[0], lib.GHOSTTY_CELL_DATA_PROTECTED, is_protected), "protected")
    return Look(style.sgr(found), bool(is_protected[0]))


def printable(text: bytes) -> bytes:
    """Take control characters out of a text that goes into a control sequence."""
    return text.decode(errors="replace").translate(_UNPRINTABLE).encode()
