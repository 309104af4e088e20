"""One terminal in the library. What is on its screen is read by cells.py.

The library is compiled without checks of its own, so what it is called with is bounded here, and nothing that it hands
out is used after the next call.
"""

from typing import Any, NamedTuple

from whale.model.limits import MAX_STRING, MAX_UNFINISHED
from whale.model.terminal import TerminalSize
from whale.screen.events import Events, callbacks
from whale.screen.library import Library
from whale.screen.links import LinkFilter

WRAP = 7
"""The mode of wrapping lines."""

Colour = tuple[int, int, int]


class Place(NamedTuple):
    """Where a cursor is, from 0; `is_pending` when the next character goes to the next line."""

    x: int
    y: int
    is_pending: bool


class _Settled:
    """Memory for what is asked after each write."""

    __slots__ = ("cols", "ground", "keys", "rows", "values")

    def __init__(self, library: Library) -> None:
        ffi, lib, _ = library
        self.cols, self.rows, self.ground = ffi.new("uint16_t *"), ffi.new("uint16_t *"), ffi.new("bool *")
        data = (lib.GHOSTTY_TERMINAL_DATA_COLS, lib.GHOSTTY_TERMINAL_DATA_ROWS, lib.GHOSTTY_TERMINAL_DATA_VT_GROUND)
        self.keys = ffi.new("GhosttyTerminalData []", data)
        self.values = ffi.new("void *[]", (self.cols, self.rows, self.ground))


class Emulator:
    """A terminal. It must be closed, and not be used after that."""

    def __init__(self, library: Library, handle: Any) -> None:
        self.library = library
        self.handle = handle
        self._events: Any = None
        self._write = library.lib.ghostty_terminal_vt_write
        self._settled = _Settled(library)
        self._links = LinkFilter()

    @classmethod
    def open(cls, library: Library, size: TerminalSize) -> "Emulator":
        """Make a terminal as after a reset. It reaches nothing outside: no files, no clipboard, no images."""
        created = library.ffi.new("GhosttyTerminal *")
        library.check(library.lib.ghostty_terminal_new(library.ffi.NULL, created, size.cols, size.rows), "new")
        emulator = cls(library, created[0])
        for option, type_name, value in (
            # Lines that left the screen are in no repaint, and the library keeps hundreds of KiB or none.
            ("SCROLLBACK_MAX_BYTES", "size_t *", 0),
            ("CONTINUATION_MAX_BYTES", "size_t *", MAX_UNFINISHED),
            ("KITTY_IMAGE_STORAGE_LIMIT", "uint64_t *", 0),
            ("KITTY_IMAGE_MEDIUM_FILE", "bool *", False),
            ("KITTY_IMAGE_MEDIUM_SHARED_MEM", "bool *", False),
            ("GLYPH_PROTOCOL", "bool *", False),
            ("APC_MAX_BYTES", "size_t *", MAX_STRING),
            ("APC_MAX_BYTES_KITTY", "size_t *", MAX_STRING),
            ("CLIPBOARD_WRITE_MAX_BYTES", "size_t *", MAX_STRING),
            # A shape that no sequence can ask for: so a cursor that was never shaped is told from a block.
            (
                "DEFAULT_CURSOR_STYLE",
                "GhosttyTerminalCursorStyle *",
                library.lib.GHOSTTY_TERMINAL_CURSOR_STYLE_BLOCK_HOLLOW,
            ),
        ):
            emulator._set(option, library.ffi.new(type_name, value))
        emulator._set("KITTY_IMAGE_MEDIUM_TEMP_FILE", library.ffi.NULL)
        return emulator

    def connect(self, events: Events) -> None:
        """Have what happens told to `events`."""
        calls = callbacks(self.library)
        self._events = self.library.ffi.new_handle(events)
        self._set("USERDATA", self._events)
        self._set("WRITE_PTY", calls.answer)
        self._set("DEVICE_ATTRIBUTES", calls.attributes)
        self._set("TITLE_CHANGED", calls.title)

    def clone(self) -> "Emulator":
        """Make another terminal in the same state, without its scrollback, to try things out on.

        Raises LibraryError where an unfinished sequence has become too long.
        """
        ffi, lib, _ = self.library
        data, length = ffi.new("uint8_t **"), ffi.new("size_t *")
        self.library.check(lib.ghostty_snapshot_encode_alloc(self.handle, ffi.NULL, data, length), "encode")
        decoder, created = ffi.new("GhosttySnapshotDecoder *"), ffi.new("GhosttyTerminal *")
        try:
            made = lib.ghostty_snapshot_decoder_new_buf(ffi.NULL, decoder, data[0], length[0])
            self.library.check(made, "decoder")
            try:
                self.library.check(lib.ghostty_snapshot_decoder_ready(decoder[0], created), "decode")
            finally:
                lib.ghostty_snapshot_decoder_free(decoder[0])
        finally:
            lib.ghostty_free(ffi.NULL, data[0], length[0])
        return Emulator(self.library, created[0])

    def write(self, data: bytes) -> None:
        """Feed output. Links in it are left out."""
        for piece in self._links.without_links(data, self.unfinished):
            self._write(self.handle, piece, len(piece))

    def resize(self, size: TerminalSize) -> None:
        """Change the size; the lines of the main screen are wrapped anew.

        Also when the program has switched wrapping off: the library would only cut the rows then, and wide characters
        in two, and that it cannot clone.
        """
        is_wrapping = self.mode(WRAP)
        self._set_mode(WRAP, is_set=True)
        resized = self.library.lib.ghostty_terminal_resize(self.handle, size.cols, size.rows, 0, 0)
        self._set_mode(WRAP, is_set=is_wrapping)
        self.library.check(resized, "resize")

    def settled(self) -> tuple[TerminalSize, bool]:
        """Return the size, and whether nothing is unfinished: no control sequence and no character."""
        keys = self._settled
        library = self.library
        found = library.lib.ghostty_terminal_get_multi(self.handle, 3, keys.keys, keys.values, library.ffi.NULL)
        library.check(found, "size")
        return TerminalSize(cols=keys.cols[0], rows=keys.rows[0]), bool(keys.ground[0])

    @property
    def is_alternate(self) -> bool:
        """True when the alternate screen is shown."""
        active: int = self.get("ACTIVE_SCREEN", "GhosttyTerminalScreen")
        return active == int(self.library.lib.GHOSTTY_TERMINAL_SCREEN_ALTERNATE)

    def unfinished(self) -> bytes | None:
        """Return the unfinished sequence or character as it came; None when it is longer than MAX_UNFINISHED."""
        ffi, lib, _ = self.library
        data, length = ffi.new("uint8_t **"), ffi.new("size_t *")
        if lib.ghostty_terminal_continuation_alloc(self.handle, ffi.NULL, data, length):
            return None
        return self.library.take(data, length)

    def place(self) -> Place:
        """Where the cursor is."""
        return Place(
            self.get("CURSOR_X", "uint16_t"),
            self.get("CURSOR_Y", "uint16_t"),
            bool(self.get("CURSOR_PENDING_WRAP", "bool")),
        )

    def mode(self, number: int, *, is_ansi: bool = False) -> bool:
        """Tell whether a mode is set."""
        config = self.library.ffi.new("GhosttyTerminalModeConfig *")
        config.mode = number | is_ansi << 15
        self._read("MODE", config)
        return bool(config.value)

    def text(self, name: str) -> bytes:
        """Return the TITLE or the PWD."""
        found = self.get(name, "GhosttyString")
        return bytes(self.library.ffi.buffer(found.ptr, found.len)) if found.len else b""

    def colour(self, name: str) -> Colour | None:
        """Return one of the COLOR_*, or None where it is left to whoever shows the terminal."""
        found = self.library.ffi.new("GhosttyColorRgb *")
        result = self.library.lib.ghostty_terminal_get(self.handle, self._data(name), found)
        return None if result else (found.r, found.g, found.b)

    def palette(self, name: str) -> bytes:
        """Return COLOR_PALETTE or COLOR_PALETTE_DEFAULT: three bytes for each of the 256 colours."""
        found = self.library.ffi.new("GhosttyColorRgb [256]")
        self._read(name, found)
        return bytes(self.library.ffi.buffer(found))

    def reference(self, x: int, y: int) -> Any:
        """Return the library's reference to a cell on the screen. It is good until the next write."""
        ffi, lib, grid_ref = self.library
        point, found = ffi.new("GhosttyPointS *"), self.library.sized("GhosttyGridRef")
        point.tag, point.value.x, point.value.y = lib.GHOSTTY_POINT_TAG_ACTIVE, x, y
        self.library.check(grid_ref(self.handle, point[0], found), "cell")
        return found

    def get(self, name: str, type_name: str) -> Any:
        """Return one GHOSTTY_TERMINAL_DATA_*."""
        found = self.library.ffi.new(f"{type_name} *")
        self._read(name, found)
        return found[0]

    def close(self) -> None:
        """Free it."""
        self.library.lib.ghostty_terminal_free(self.handle)
        self.handle = self.library.ffi.NULL

    def _set_mode(self, number: int, *, is_set: bool) -> None:
        config = self.library.ffi.new("GhosttyTerminalModeConfig *")
        config.mode, config.value = number, is_set
        self._set("MODE", config)

    def _read(self, name: str, found: Any) -> None:
        self.library.check(self.library.lib.ghostty_terminal_get(self.handle, self._data(name), found), name)

    def _data(self, name: str) -> Any:
        return getattr(self.library.lib, f"GHOSTTY_TERMINAL_DATA_{name}")

    def _set(self, option: str, value: Any) -> None:
        key = getattr(self.library.lib, f"GHOSTTY_TERMINAL_OPT_{option}")
        self.library.check(self.library.lib.ghostty_terminal_set(self.handle, key, value), option)
