"""A terminal's line discipline, as far as programs without a screen notice it. Pure.

Lines, echo, erase, Ctrl-C, Ctrl-\\ and Ctrl-D, and newlines that become carriage return and newline. `raw` turns
all of it off, as editors do.
"""

from typing import NamedTuple

from whale.model.exec import Signal

_SIGNALS = {0x03: Signal.INT, 0x1C: Signal.QUIT}
_END = 0x04
_ERASE = (0x7F, 0x08)
_NEWLINES = (0x0A, 0x0D)
MAX_LINE = 4096
"""What Linux keeps of a line that has no end; more is dropped, with a bell."""


class Typed(NamedTuple):
    """What became of some input."""

    ready: bytes
    """What the program may read now."""
    echo: bytes
    signals: tuple[Signal, ...]
    is_end: bool
    """The program's next read sees the end of its input."""


class Terminal:
    """One terminal, seen from its keyboard."""

    __slots__ = ("_line", "raw")

    def __init__(self) -> None:
        self.raw = False
        self._line = b""

    def type(self, data: bytes) -> Typed:
        """Take what was typed."""
        if self.raw:
            return Typed(data, b"", (), False)
        ready, echo, signals = bytearray(), bytearray(), []
        is_end = False
        for key in data:
            if key in _SIGNALS:
                echo += bytes((0x5E, key + 0x40))
                signals.append(_SIGNALS[key])
                self._line = b""
            elif key == _END:
                is_end = is_end or not self._line
                ready += self._line
                self._line = b""
            elif key in _ERASE:
                if self._line:
                    echo += b"\b \b"
                self._line = self._line[:-1]
            elif key in _NEWLINES:
                ready += self._line + b"\n"
                echo += b"\r\n"
                self._line = b""
            elif len(self._line) < MAX_LINE:
                self._line += bytes((key,))
                echo.append(key)
            else:
                echo += b"\a"
        return Typed(bytes(ready), bytes(echo), tuple(signals), is_end)

    def show(self, data: bytes) -> bytes:
        """Turn what a program writes into what the screen gets."""
        return data if self.raw else data.replace(b"\n", b"\r\n")
