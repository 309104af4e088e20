"""The local terminal: is there one, how large is it, raw mode, and back exactly once.

It never leaves a terminal raw: every way out of a session goes through `restore`.
"""

import errno
import os
import struct
import termios
from collections.abc import Iterable
from contextlib import suppress
from fcntl import ioctl
from typing import Any

from whale.model.terminal import TerminalSize

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6
_SIZE = struct.Struct("HHHH")


def is_terminal(descriptor: int) -> bool:
    """True when a descriptor is open and is a terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def terminal_size(descriptors: Iterable[int]) -> TerminalSize | None:
    """Return the size of the first of these that is a terminal and knows its size."""
    for descriptor in descriptors:
        try:
            rows, cols, _, _ = _SIZE.unpack(ioctl(descriptor, termios.TIOCGWINSZ, bytes(_SIZE.size)))
        except OSError:
            continue
        size = TerminalSize(cols=cols, rows=rows)
        if size.is_valid:
            return size
    return None


_LEAVE_ALTERNATE = b"\x1b[?1049l"
_LEAVE = (
    b"\x1b7\x1b[?6l\x1b[r\x1b8\x1b[?1000;1002;1003;1004;1006;1015l\x1b[?2004l\x1b[?1l\x1b>\x1b[?7h\x1b[4l"
    b"\x1b[0m\x1b(B\x0f\x1b[?25h\x1b[<u\x1b[0 q\r\n"
)
"""Origin and scroll region, which move the cursor; mouse and focus reports, bracketed paste, keys of the application,
no wrapping, insertion, colours, characters, an unseen cursor, the keyboard's and the cursor's kind."""


CLEAR = _LEAVE_ALTERNATE + _LEAVE.removesuffix(b"\r\n") + b"\x1b[H\x1b[2J"
"""Makes a terminal as good as new, but for what has scrolled off it."""


def leave_terminal(*, alternate: bool) -> None:
    """Undo what a program may have set that goes on elsewhere, on standard output if that is a terminal.

    `alternate`: it was on the alternate screen.
    """
    if is_terminal(1):
        with suppress(OSError):
            os.write(1, _LEAVE_ALTERNATE + _LEAVE if alternate else _LEAVE)


class RawTerminal:
    """Takes a terminal into raw mode and back. `make_raw` and `restore` may be called again, for a suspension."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._saved: list[Any] | None = None

    def make_raw(self) -> None:
        """Pass every byte as it is, both ways. The first mode it finds is the one that is restored."""
        if self._saved is None:
            self._saved = termios.tcgetattr(self._descriptor)
        # Set again even when it is raw for all we know: a shell sets its own mode while we are stopped.
        _set_mode(self._descriptor, _raw(self._saved))

    def restore(self) -> None:
        """Bring back the mode that was found, if it is not back already. Never raises."""
        saved, self._saved = self._saved, None
        if saved is not None:
            # One that hung up has no mode to bring back.
            with suppress(termios.error):
                _set_mode(self._descriptor, saved)


def _raw(mode: list[Any]) -> list[Any]:
    raw = [*mode[:_CC], list(mode[_CC])]
    raw[_IFLAG] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    raw[_OFLAG] &= ~termios.OPOST
    raw[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    raw[_CFLAG] = raw[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[_CC][termios.VMIN] = 1
    raw[_CC][termios.VTIME] = 0
    return raw


def _set_mode(descriptor: int, mode: list[Any]) -> None:
    while True:
        try:
            # At once, and not after the output has drained: that could wait for ever for a stopped terminal.
            termios.tcsetattr(descriptor, termios.TCSANOW, mode)
        except termios.error as error:
            if error.args[0] != errno.EINTR:
                raise
        else:
            return
