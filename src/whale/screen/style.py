"""How a cell looks, as the parameters of SGR.

Colours below 16 are written in the old way, which every terminal knows and which lets bold brighten them.
"""

from typing import Any

NONE, PALETTE, RGB = range(3)
"""What a colour is: the library's GHOSTTY_STYLE_COLOR_*; a test holds the numbers to it."""

DEFAULT = b"0"
FOREGROUND, BACKGROUND, UNDERLINE = 30, 40, 50

_FLAGS = (
    ("bold", b"1"),
    ("faint", b"2"),
    ("italic", b"3"),
    ("blink", b"5"),
    ("inverse", b"7"),
    ("invisible", b"8"),
    ("strikethrough", b"9"),
    ("overline", b"53"),
)
_UNDERLINES = {1: b"4", 2: b"4:2", 3: b"4:3", 4: b"4:4", 5: b"4:5"}


def sgr(style: Any) -> bytes:
    """Return the parameters that bring a terminal to a style, whatever it had before."""
    parts = [DEFAULT, *(code for name, code in _FLAGS if getattr(style, name))]
    if style.underline:
        parts.append(_UNDERLINES.get(style.underline, b"4"))
    for base, found in ((FOREGROUND, style.fg_color), (BACKGROUND, style.bg_color), (UNDERLINE, style.underline_color)):
        if found.tag == PALETTE:
            parts.append(indexed(base, found.value.palette))
        elif found.tag == RGB:
            rgb = found.value.rgb
            parts.append(direct(base, rgb.r, rgb.g, rgb.b))
    return b";".join(parts)


def indexed(base: int, number: int) -> bytes:
    """Return the parameter of a palette's colour."""
    if base == UNDERLINE:
        # Only with colons: who does not know 58 would read the others as attributes.
        return b"58:5:%d" % number
    if number < 8:
        return b"%d" % (base + number)
    if number < 16:
        return b"%d" % (base + 60 + number - 8)
    return b"%d;5;%d" % (base + 8, number)


def direct(base: int, red: int, green: int, blue: int) -> bytes:
    """Return the parameter of a colour by its parts."""
    if base == UNDERLINE:
        return b"58:2::%d:%d:%d" % (red, green, blue)
    return b"%d;2;%d;%d;%d" % (base + 8, red, green, blue)
