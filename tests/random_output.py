"""Random terminal output of control sequences that have one meaning.

Left out is what terminals disagree on, with xterm.js on one side: erasing or inserting behind the last column,
scrolling down with a background colour, origin mode with relative movements, halves of wide characters, restoring a
cursor that was saved with a special character set, with an underline, or in another visit to the alternate screen;
and the state in which the alternate screen is entered and left: background colour, cursor shape, scrolling region.
"""

import random
from collections.abc import Callable, Iterator

from whale.model.terminal import TerminalSize

LENGTH = 150
"""Pieces of one output."""


def random_output(chance: random.Random, size: TerminalSize) -> Iterator[bytes]:
    """Yield text and control sequences."""
    writer = _Writer(chance, size)
    for _ in range(LENGTH):
        yield chance.choice(writer.choices)()


class _Writer:
    """Makes sequences at random. Keeps in mind which screen is shown."""

    def __init__(self, chance: random.Random, size: TerminalSize) -> None:
        self._chance = chance
        self._size = size
        self._is_alternate = False
        self.choices: tuple[Callable[[], bytes], ...] = (
            *(self.text,) * 6,
            *(self.move,) * 5,
            *(self.edit,) * 5,
            *(self.colour,) * 4,
            *(self.attribute,) * 2,
            self.accented,
            self.underline,
            self.region,
            self.cursor,
            self.mode,
            self.mode,
            self.title,
            self.line_drawing,
            self.switch,
            self.shape,
        )

    def text(self) -> bytes:
        return bytes(self._chance.choice(b"abcdefghij xyz") for _ in range(self._chance.randint(1, 30)))

    def accented(self) -> bytes:
        letter = self._chance.choice(("ä", "ö", "€", "é", "λ", "e\u0301"))
        return b"\x1b[4l\x1b[?7h\x1b(B" + letter.encode() * self._chance.randint(1, 3)

    def move(self) -> bytes:
        simple = (b"\r\n", b"\n", b"\r", b"\t", b"\b", b"\x1bM", b"\x1bD", b"\x1bE")
        cols, rows = self._size
        return self._chance.choice(
            (
                self._chance.choice(simple),
                b"\x1b[%d;%dH" % (self._chance.randint(1, rows), self._chance.randint(1, cols)),
                b"\x1b[%dG" % self._chance.randint(1, cols),
                b"\x1b[%dd" % self._chance.randint(1, rows),
                b"\x1b[%d%c" % (self._chance.randint(1, 9), self._chance.choice(b"ABCD")),
            )
        )

    def edit(self) -> bytes:
        place = b"\x1b[%dG" % self._chance.randint(1, self._size.cols)
        final = self._chance.choice(b"JKXP@LMST")
        count = self._chance.randrange(3) if final in b"JK" else self._chance.randint(1, 5)
        return place + (b"\x1b[49m" if final in b"T" else b"") + b"\x1b[%d%c" % (count, final)

    def colour(self) -> bytes:
        base = self._chance.choice((30, 40))
        red, green, blue = (self._chance.randrange(256) for _ in range(3))
        return self._chance.choice(
            (
                b"\x1b[%dm" % (base + self._chance.randrange(8)),
                b"\x1b[%dm" % (base + 60 + self._chance.randrange(8)),
                b"\x1b[%d;5;%dm" % (base + 8, red),
                b"\x1b[%d;2;%d;%d;%dm" % (base + 8, red, green, blue),
                b"\x1b[%dm" % (base + 9),
            )
        )

    def attribute(self) -> bytes:
        return b"\x1b[%dm" % self._chance.choice((0, 1, 2, 3, 4, 5, 7, 8, 9, 21, 22, 23, 24, 25, 27, 28, 29, 53, 55))

    def underline(self) -> bytes:
        return self._chance.choice(
            (b"\x1b[4:%dm" % self._chance.randrange(6), b"\x1b[58:5:%dm" % self._chance.randrange(256), b"\x1b[59m")
        )

    def region(self) -> bytes:
        top = self._chance.randint(1, self._size.rows - 1)
        return self._chance.choice((b"\x1b[r", b"\x1b[%d;%dr" % (top, self._chance.randint(top + 1, self._size.rows))))

    def cursor(self) -> bytes:
        return b"\x1b[24;59m\x1b(B" + self._chance.choice((b"\x1b7", b"\x1b8"))

    def mode(self) -> bytes:
        final = self._chance.choice(b"hl")
        number = self._chance.choice((1, 7, 25, 1000, 1002, 1003, 1004, 1006, 2004))
        return self._chance.choice(
            (b"\x1b[?%d%c" % (number, final), b"\x1b[4%c" % final, self._chance.choice((b"\x1b=", b"\x1b>")))
        )

    def title(self) -> bytes:
        return b"\x1b]2;title %d\x07" % self._chance.randrange(10)

    def line_drawing(self) -> bytes:
        return self._chance.choice((b"\x1b(0", b"\x1b(B"))

    def shape(self) -> bytes:
        return b"\x1b[%d q" % self._chance.randrange(7)

    def switch(self) -> bytes:
        self._is_alternate = not self._is_alternate
        usual = b"\x1b[0 q\x1b(B\x1b[r\x1b[m"
        return usual + (b"\x1b[?1049h\x1b7" if self._is_alternate else b"\x1b[?1049l")
