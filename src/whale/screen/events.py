"""What an emulator says while it is fed: its answers to queries, and that it has got a title.

The library calls back into Python. There is one set of callbacks for all emulators; each finds its own `Events` by the
pointer that the library passes along.
"""

from functools import cache
from typing import Any, NamedTuple

from whale.model.limits import MAX_REPLIES
from whale.screen.library import Library

_LEVEL, _ANSI_COLOUR = 62, 22
"""The answer to "what are you": a VT220 with colours, as common emulators say. No more is promised, because what the
next client's terminal can do is not known yet."""


class Events:
    """Collects answers up to MAX_REPLIES. What does not fit is dropped, but never half an answer."""

    __slots__ = ("_replies", "has_title")

    def __init__(self) -> None:
        self._replies = bytearray()
        self.has_title = False
        """True once the title was set, to whatever."""

    def answered(self, answer: bytes) -> None:
        """Keep one answer."""
        if len(self._replies) + len(answer) <= MAX_REPLIES:
            self._replies += answer

    def take(self) -> bytes:
        """Return the answers since the last call."""
        taken = bytes(self._replies)
        self._replies.clear()
        return taken


class Callbacks(NamedTuple):
    """C functions. They must live as long as any terminal that has them."""

    answer: Any
    attributes: Any
    title: Any


@cache
def callbacks(library: Library) -> Callbacks:
    """Make the C functions, once for the process."""
    ffi = library.ffi

    def answer(_terminal: Any, userdata: Any, data: Any, size: int) -> None:
        ffi.from_handle(userdata).answered(bytes(ffi.buffer(data, size)))

    def attributes(_terminal: Any, _userdata: Any, found: Any) -> bool:
        found.primary.conformance_level = _LEVEL
        found.primary.features[0] = _ANSI_COLOUR
        found.primary.num_features = 1
        found.secondary.device_type = 1
        found.secondary.firmware_version = 0
        found.secondary.rom_cartridge = 0
        found.tertiary.unit_id = 0
        return True

    def title(_terminal: Any, userdata: Any) -> None:
        ffi.from_handle(userdata).has_title = True

    return Callbacks(
        ffi.callback("GhosttyTerminalWritePtyFn", answer),
        ffi.callback("GhosttyTerminalDeviceAttributesFn", attributes),
        ffi.callback("GhosttyTerminalTitleChangedFn", title),
    )
