"""Reads how an emulator would report the mouse: by letting it do so.

Of the mouse's modes the last one that was set or reset counts, and the library tells only which are set. So it is
asked to encode a press, a release and two movements, and what comes out says which mode counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from whale.screen.emulator import Emulator

TRACKING = (9, 1000, 1002, 1003)
FORMATS = (1005, 1015, 1006, 1016)

_CELL = 10
_COLUMN, _ROW = 150, 2
"""Where the mouse is said to be: so far right that one byte cannot say it."""

_PRESS, _RELEASE, _MOTION = range(3)
_LEFT = 1


def read_mouse(emulator: Emulator) -> tuple[int, ...]:
    """Return the modes to set, in this order, for a terminal to report the mouse as this one would."""
    tracking = [mode for mode in TRACKING if emulator.mode(mode)]
    formats = [mode for mode in FORMATS if emulator.mode(mode)]
    if not tracking and not formats:
        return ()
    with _mouse(emulator) as mouse:
        kind, shape = mouse.tracking(), mouse.shape()
    # The others are set too, below the one that counts: a program may reset that one alone.
    return (*_last(tracking, kind), *_last(formats, shape))


def _last(modes: list[int], counts: int) -> list[int]:
    return [*(mode for mode in modes if mode != counts), counts] if counts else []


class _Mouse:
    """A mouse over a terminal."""

    def __init__(self, emulator: Emulator) -> None:
        self._library = emulator.library
        ffi, lib, _ = emulator.library
        self._encoder, self._event = ffi.new("GhosttyMouseEncoder *"), ffi.new("GhosttyMouseEvent *")
        emulator.library.check(lib.ghostty_mouse_encoder_new(ffi.NULL, self._encoder), "mouse")
        emulator.library.check(lib.ghostty_mouse_event_new(ffi.NULL, self._event), "mouse event")
        lib.ghostty_mouse_encoder_setopt_from_terminal(self._encoder[0], emulator.handle)
        size = emulator.library.sized("GhosttyMouseEncoderSize")
        size.screen_width = size.screen_height = 1000 * _CELL
        size.cell_width = size.cell_height = _CELL
        self._set("SIZE", size)
        lib.ghostty_mouse_event_set_position(self._event[0], (_COLUMN * _CELL, _ROW * _CELL))

    def tracking(self) -> int:
        """Return the mode that says what is reported, or 0."""
        if self._report(_MOTION):
            return 1003
        if self._report(_MOTION, is_pressed=True):
            return 1002
        if self._report(_RELEASE, is_pressed=True):
            return 1000
        return 9 if self._report(_PRESS, is_pressed=True) else 0

    def shape(self) -> int:
        """Return the mode that says how it is reported, or 0 for the oldest way."""
        # Something has to be reported to see how.
        self._set(
            "EVENT", self._library.ffi.new("GhosttyMouseTrackingMode *", self._library.lib.GHOSTTY_MOUSE_TRACKING_ANY)
        )
        report = self._report(_PRESS, is_pressed=True)
        if report.startswith(b"\x1b[<"):
            return 1006 if b";%d;" % (_COLUMN + 1) in report else 1016
        if report.startswith(b"\x1b[M"):
            return 1005 if len(report) > len(b"\x1b[Mbxy") else 0
        return 1015 if report else 0

    def close(self) -> None:
        """Free it."""
        self._library.lib.ghostty_mouse_event_free(self._event[0])
        self._library.lib.ghostty_mouse_encoder_free(self._encoder[0])

    def _report(self, action: int, *, is_pressed: bool = False) -> bytes:
        ffi, lib, _ = self._library
        lib.ghostty_mouse_event_set_action(self._event[0], action)
        if is_pressed:
            lib.ghostty_mouse_event_set_button(self._event[0], _LEFT)
        else:
            lib.ghostty_mouse_event_clear_button(self._event[0])
        self._set("ANY_BUTTON_PRESSED", ffi.new("bool *", is_pressed))
        space, length = ffi.new("char []", 64), ffi.new("size_t *")
        self._library.check(
            lib.ghostty_mouse_encoder_encode(self._encoder[0], self._event[0], space, len(space), length), "report"
        )
        return bytes(ffi.buffer(space, length[0]))

    def _set(self, option: str, value: Any) -> None:
        key = getattr(self._library.lib, f"GHOSTTY_MOUSE_ENCODER_OPT_{option}")
        self._library.lib.ghostty_mouse_encoder_setopt(self._encoder[0], key, value)


@contextmanager
def _mouse(emulator: Emulator) -> Iterator[_Mouse]:
    mouse = _Mouse(emulator)
    try:
        yield mouse
    finally:
        mouse.close()
