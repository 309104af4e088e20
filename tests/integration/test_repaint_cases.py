"""A repaint in the midst of everything: short outputs, each cut at every byte.

Each output is of control sequences that random output leaves out, or that matter most at their cut: sequences and
characters that are halved, accents that come later, lines that wrap, the other screen.
"""

from collections.abc import Iterator

import pytest

from tests.integration.test_repaint import repaint_of
from tests.xterm_terminal import XtermTerminals, differences, xterm_terminals
from whale.model.terminal import TerminalSize

SIZE = TerminalSize(cols=16, rows=6)
LEFT_BEHIND = (
    b"\x1b[?1049h\x1b[41;1mgarbage\x1b[3;5r\x1b[?6h\x1b[4h\x1b7\x1b[?1049l\x1b[44mmore\x1b[2;4r\x1b)0\x0e\x1b]2;titl"
)

CASES = {
    "characters of all lengths": "a é € 漢 字e\u0301o\u0308 \u20ac\u0301".encode(),
    "wide characters at the edge": "漢字漢字漢字漢字漢字x漢字漢字漢字漢".encode(),
    "lines that wrap": b"one line of text that wraps over three rows\r\nnext\r\n" + b"exactly 16 chars\r\nback",
    "a cursor behind the last column": (
        b"0123456789abcdef\x1b[1;31m\x1b[?25l\x1b[?1004hgh\x1b[32m0123456789abcd\x1b[7mx"
    ),
    "colours": (
        b"\x1b[1;4;38;2;1;2;3;48;5;200ma\x1b[4:3;58:5:9mb\x1b[0;7;9mc\x1b[100mde\x1b[K\r\n\x1b[1;92;2;53mf\x1b[m g"
    ),
    "links": (
        b"a \x1b]8;;http://one/\x1b\\link\x1b]8;;\x1b\\ b "
        b"\x1b]8;id=x;http://two/?a=1;b\x07t\x1b[31mw\x1b[mo\x1b]8;;\x07 c"
    ),
    "line drawing": b"\x1b)0\x0elqqk\x0fx\x0e\r\nx\x0f \x0ex\x0f\x1b(0mqj\x1b(Bplain",
    "tab stops": b"\x1b[3g\x1b[4G\x1bH\x1b[9G\x1bH\r\ta\tb\r\n\x1b[9G\x1b[0g\r\tc\td",
    "scrolling": (
        b"\x1b[2;4r\x1b[2;1Hone\r\ntwo\r\nthree\r\nfour\x1b[2;3H\x1bMzero\x1b[S\x1b[1;1Htop\x1b[r\x1b[6;1Hend\nz"
    ),
    "origin": b"\x1b[3;5r\x1b[?6h\x1b[1;1Ha\x1b[2;3Hb\x1b[3;1Hc\x1b[?6l\x1b[1;1Hd\x1b[?6h\x1b[2;2He",
    "a saved cursor": b"ab\x1b[1;33m\x1b7\x1b[5;5H\x1b[0;44mcd\x1b8ef\x1b[3;3H\x1b[mgh\x1b8ij",
    "the other screen": (
        b"main\r\n\x1b[31mtext\x1b[m\x1b[2;4H\x1b[?1049h\x1b[H\x1b[2Jalt\x1b[4;4Hx\x1b[?1049l after\x1b[?1049hagain"
    ),
    "the other screen of old": b"main\x1b[?47h\x1b[2;2Halt\x1b[2J\x1b[?47lback\x1b[?1047h\x1b[3;3Halt\x1b[?1047lback",
    "insertion": b"abcdef\x1b[3D\x1b[4hXY\x1b[4l\x1b[2@\x1b[1PZ\r\n\x1b[?7l0123456789abcdefgh\x1b[?7hi\x1b[4h\rnew",
    "repetition": b"x\x1b[5b y\x1b[3b\r\n\xc3\xa9\x1b[2b\x1b[31mz\x1b[3b",
    "modes": (
        b"\x1b[?1h\x1b=\x1b[?1002h\x1b[?1006h\x1b[?2004h\x1b[?25l\x1b[5 q\x1b[?1004h"
        b"\x1b[?1002l\x1b[?25h\x1b>\x1b[?1l\x1b[0 q"
    ),
    "titles": b"\x1b]2;one\x07a\x1b]0;two \xc3\xa9\x1b\\b\x1b]2;\x07c\x1b]1;icon\x07d",
    "strings that show nothing": (
        b"a\x1bP1$r0m\x1b\\b\x1b_Ga=T,f=24;AAAA\x1b\\c\x1b^private\x1b\\d\x1bXstart\x1b\\e\x1b]52;c;QQ==\x07f"
    ),
    "cancelled": b"a\x1b[31\x18b\x1b]2;no\x18c\x1b[4\x1b[32md\x1b]2;no\x1a\x1b[1me\x1b[3\x1b7f",
    "controls within sequences": b"ab\x1b[\r3\nGc\x1b[3\x081md",
}


@pytest.fixture(scope="module")
def terminals() -> Iterator[XtermTerminals]:
    with xterm_terminals() as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_cut_at_every_byte(name: str, terminals: XtermTerminals) -> None:
    output = CASES[name]
    for cut in range(len(output) + 1):
        head, rest = output[:cut], output[cut:]
        away = terminals.run(SIZE, [head, rest])
        back = terminals.run(SIZE, [LEFT_BEHIND, repaint_of(SIZE, head), rest])
        for moment, one, other in zip(("at the cut", "at the end"), away, back[1:], strict=True):
            found = "\n  ".join(differences(one, other)[:10])
            assert not found, f"{name}, cut at {cut} after {head[-20:]!r}, {moment}:\n  {found}"


@pytest.mark.parametrize("half", [b"\x1b]2;half", b"\x1b]2;half\xe6\xbc", b"\x1b]2;half\x1b"])
def test_what_was_begun_before_is_not_carried_out(half: bytes, terminals: XtermTerminals) -> None:
    _, back = terminals.run(SIZE, [half, repaint_of(SIZE, b"text")])
    assert back["title"] is None or half.endswith(b"\x1b")
    assert back["screens"]["normal"]["rows"][0][0][0] == "t"
