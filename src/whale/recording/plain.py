"""Tells quickly whether there can be a secret in output: nearly always there is none."""

import re
from typing import Final

from whale.recording.expressions import Expression, Expressions, First, Hit

_C0: Final = rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]"
_ESCAPES: Final = tuple(rb"\x1b\x%02x" % value for value in range(0x80) if value != 0x5B)
"""An escape, and anything but the bracket that colours have. As texts they are found twice as fast as by a class."""

# Each set alone: together they take twice the time.
_CONTROLS: Final = Expressions(
    [*map(Expression, _ESCAPES), Expression(_C0), Expression(rb"\xc2[\x80-\x9f]")], with_starts=False
)
_STRINGS: Final = Expressions(
    [Expression(rb"\x1b[\x00-\x1f\x7f\]PX^_]"), Expression(rb"\xc2[\x90\x98\x9d-\x9f]")], with_starts=False
)
"""What may begin a string for the terminal."""

_STRING: Final = re.compile(
    rb"(?:\x1b[\x00-\x17\x19\x1c-\x1f\x7f]*[\]PX^_]|\xc2[\x90\x98\x9d-\x9f])"
    rb"((?:[^\x07\x18\x1a\x1b\xc2]|\xc2(?!\x9c))*)(?:[\x07\x18\x1a]|\xc2\x9c|(?=\x1b)|\Z)"
)
"""A string for the terminal, with what it carries, up to its end or that of the text."""

_JOINTS: Final = Expressions(
    # A visible character, colours, and another one: a secret may go on there. Colours that are broken off count.
    [Expression(rb"[!-~\x80-\xff](?:(?:\x1b\[[0-?]*)+[\x00-\x1a\x1c-\x2f@-~])+[!-~\x80-\xff]")],
    with_starts=False,
)
_SEQUENCE: Final = re.compile(
    rb"\x1b(?:\[[\x00-\x17\x19\x1c-\x3f\x7f]*[\x40-\x7e]?|[\x00-\x17\x19\x1c-\x1f\x7f]*\[[\x00-\x17\x19\x1c-\x3f\x7f]*[\x40-\x7e]?"
    rb"|[\x00-\x17\x19\x1c-\x2f\x7f]*[\x30-\x7e]?)"
)
_WIDE: Final = re.compile(rb"\xc2(?:\x9b[\x00-\x17\x19\x1c-\x3f\x7f]*[\x40-\x7e]?|[\x80-\x9f])")
_CONTROL: Final = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))
_ERASED: Final = b"\x08 "
_PLACED: Final = re.compile(rb"\x1b\[[0-9;]*H")
_LAST_PLACES: Final = 2048


class Plain:
    """Looks for signs of secrets in whole lines, or in what a program writes between two places on the screen."""

    def __init__(self, signs: list[First]) -> None:
        self._signs = signs
        self._controls = _CONTROLS.first()
        self._strings = _STRINGS.first()
        self._joints = _JOINTS.first()

    def has_controls(self, block: bytes) -> bool:
        """Tell whether there is anything but text and colours."""
        return self._controls(block) is not None

    def lines(self, block: bytes, *, has_controls: bool) -> tuple[int, int]:
        """Return where the last line that is complete ends, and the one before it. Both are 0 without."""
        if has_controls and self._strings(block) is not None:
            block = _STRING.sub(_blank, block)
        last = block.rfind(b"\n") + 1
        before = block.rfind(b"\n", 0, max(0, last - 1)) + 1
        if before:
            return last, before
        start = max(0, len(block) - _LAST_PLACES)
        places = [found.end() for found in _PLACED.finditer(block, start)]
        return (places[-1], places[-2]) if len(places) > 1 else (0, 0)

    def sign(self, lines: bytes, *, has_controls: bool) -> tuple[int, int] | None:
        """Return where there may be a secret. Only None is certain."""
        hit = self._first_sign(lines)
        before = lines[: hit.end] if hit is not None else lines
        if has_controls or self._joints(before) is not None:
            is_found = hit is not None or self._first_sign(self.visible(before)) is not None
            return (0, len(before)) if is_found else None
        return None if hit is None else (hit.start, hit.end)

    def visible(self, lines: bytes) -> bytes:
        """Return lines without what does not show, and without a trace of it; what strings carry comes last."""
        carried: list[bytes] = []
        if self._strings(lines) is not None:
            carried = _STRING.findall(lines)
            lines = _STRING.sub(b"", lines)
        text = _SEQUENCE.sub(b"", lines.replace(_ERASED, b""))
        if b"\xc2" in text:
            text = _WIDE.sub(b"", text)
        return b"\n\n".join((text, *carried)).translate(None, _CONTROL)

    def _first_sign(self, text: bytes) -> Hit | None:
        hits = [hit for sign in self._signs if (hit := sign(text)) is not None]
        return min(hits, key=lambda hit: hit.end) if hits else None


def _blank(found: re.Match[bytes]) -> bytes:
    return bytes(len(found[0]))
