"""The emulator's library: libghostty-vt, as the package `pyghostty` brings it, loaded when it is first asked for.

Importing this module never fails. A machine without the library has a server without repaints, and a reason to show.
"""

import importlib.util
from functools import cache
from typing import Any, NamedTuple

_NEEDED = (
    "ghostty_terminal_new",
    "ghostty_terminal_vt_write",
    "ghostty_terminal_continuation_alloc",
    "ghostty_terminal_grid_ref",
    "ghostty_snapshot_encode_alloc",
    "ghostty_snapshot_decoder_ready",
    "ghostty_render_state_row_get",
    "ghostty_formatter_terminal_new",
    "GHOSTTY_TERMINAL_DATA_VT_GROUND",
    "GHOSTTY_TERMINAL_OPT_CLIPBOARD_WRITE_MAX_BYTES",
    "GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW",
    "GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_GRAPHEMES_UTF8",
)
"""The youngest parts of the interface: a library that lacks one is not one that was tested."""


class LibraryError(Exception):
    """The library refused a call."""


class Library(NamedTuple):
    """The C interface: cffi's two objects, and a call that takes a union by value, which cffi cannot make itself."""

    ffi: Any
    lib: Any
    grid_ref: Any

    def check(self, result: int, what: str) -> None:
        """Raise LibraryError unless a call succeeded."""
        if result != self.lib.GHOSTTY_SUCCESS:
            raise LibraryError(f"{what}: {result}")

    def sized(self, type_name: str) -> Any:
        """Make a structure that carries its own size, and those inside it."""
        pointer = self.ffi.new(f"{type_name} *")
        self._set_sizes(pointer)
        return pointer

    def take(self, pointer: Any, length: Any) -> bytes:
        """Copy what the library allocated, and free it."""
        data = bytes(self.ffi.buffer(pointer[0], length[0])) if length[0] else b""
        self.lib.ghostty_free(self.ffi.NULL, pointer[0], length[0])
        return data

    def _set_sizes(self, pointer: Any) -> None:
        kind = self.ffi.typeof(pointer).item
        for name, field in kind.fields:
            if name == "size":
                pointer.size = self.ffi.sizeof(kind)
            elif field.type.kind == "struct":
                self._set_sizes(self.ffi.addressof(pointer[0], name))


class Loaded(NamedTuple):
    """The library, or the reason why there is none."""

    library: Library | None
    reason: str


def is_installed() -> bool:
    """True when there is a package that `load` would load. It takes no time."""
    return importlib.util.find_spec("pyghostty") is not None


@cache
def load() -> Loaded:
    """Load the library once. Never raises: a foreign package can fail in any way, and none may stop a server."""
    try:
        from pyghostty._ffi import ffi, lib, union_fn
    except ImportError as error:
        return Loaded(None, f"the package pyghostty is not installed ({error})")
    except Exception as error:  # noqa: BLE001 - importing the package runs a C parser and the dynamic linker
        return Loaded(None, f"libghostty-vt cannot be loaded on this machine ({error})")
    missing = [name for name in _NEEDED if not hasattr(lib, name)]
    if missing:
        return Loaded(None, f"this version of libghostty-vt lacks {', '.join(missing)}")
    signature = "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyGridRef*)"
    return Loaded(Library(ffi, lib, union_fn("ghostty_terminal_grid_ref", signature)), "")
