"""What is painted is compared in another terminal in tests/integration; here, in a second emulator of the same kind."""

import pytest

from whale.model.terminal import TerminalSize
from whale.screen.emulator import Emulator
from whale.screen.library import Library, LibraryError
from whale.screen.repaint import erase_halves, repaint, reset

SIZE = TerminalSize(cols=12, rows=4)
LEFT_BEHIND = (
    b"\x1b[?1049h\x1b[>31u\x1b[31mx\x1b7\x1b[2;3r\x1b[?6h\x1b]4;1;rgb:01/02/03\x07\x1b[>4;2m\x1b[5 q\x1b[?69h\x1b]2;ti"
)
OUTPUTS = {
    "nothing": b"",
    "text": b"one\r\ntwo \x1b[1;31mred\x1b[m\r\n",
    "a line that wraps": b"0123456789abcdef",
    "behind the last column": b"0123456789a\x1b[1;32mb\x1b[4m",
    "the other screen": b"main\x1b[5 q\x1b[2;3H\x1b[33m\x1b[?1049halt\x1b[3;1H\x1b7\x1b[1;1H",
    "keyboards of both screens": b"\x1b[>1u\x1b[>3u\x1b[?1049h\x1b[>5u\x1b[>7u",
    "margins": b"\x1b[?69h\x1b[3;8s\x1b[2;3r\x1b[?6h\x1b[2;2Hx",
    "saved outside the region": b"\x1b[4;9H\x1b[31m\x1b7\x1b[2;3r\x1b[?6h",
    "colours": b"\x1b]4;1;rgb:0a/0b/0c;200;#fff\x07\x1b]10;#123456\x07\x1b]11;#234567\x07\x1b]12;#345678\x07",
    "title and directory": b"\x1b]2;t\xc3\xaftle\x07\x1b]7;file://h/d\x07",
    "shape": b"\x1b[4 q",
    "a blinking cursor": b"\x1b[?12h",
    "other keys": b"\x1b[>4;2m",
    "character sets": b"\x1b)0\x1b*A\x0ex\x1b7\x0f",
    "protected": b'\x1b[1"qkeep\x1b[0"q me',
    "unfinished": b"text\x1b[38;5",
    "half a character": b"text\xe6\xbc",
    "wide at the edge": "           漢字".encode(),
}


def painted(library: Library, before: bytes, output: bytes) -> bytes:
    emulator = Emulator.open(library, SIZE)
    emulator.write(before)
    emulator.write(output)
    try:
        return repaint(emulator, has_title=True, has_colours=True)
    finally:
        emulator.close()


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_repaint_painted_again_is_the_same(library: Library, name: str) -> None:
    once = painted(library, b"", OUTPUTS[name])
    assert painted(library, LEFT_BEHIND, once) == once


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("the other screen", [b"main", b"\x1b[0;33m", b"\x1b[?1049h", b"alt"]),
        ("keyboards of both screens", [b"\x1b[>1u\x1b[>3u", b"\x1b[?1049h", b"\x1b[>5u\x1b[>7u"]),
        ("margins", [b"\x1b[?69h\x1b[2;3r\x1b[3;8s", b"\x1b[?6h\x1b[2;3H"]),
        ("colours", [b"\x1b]104", b"\x1b]4;1;rgb:0a/0b/0c", b"\x1b]4;200;rgb:ff/ff/ff", b"\x1b]12;rgb:34/56/78"]),
        ("title and directory", ["\x1b]2;tïtle\x1b\\".encode(), b"\x1b]7;file://h/d\x1b\\"]),
        ("shape", [b"\x1b[4 q"]),
        ("a blinking cursor", [b"\x1b[?12h"]),
        ("other keys", [b"\x1b[>4;2m"]),
        ("character sets", [b"\x1b)0", b"\x1b*A"]),
        ("protected", [b'\x1b[1"qkeep\x1b[0"q me']),
        ("unfinished", [b"text", b"\x1b[38;5"]),
    ],
)
def test_it_says_what_there_is(library: Library, name: str, parts: list[bytes]) -> None:
    rest = painted(library, b"", OUTPUTS[name]).removeprefix(reset())
    for part in parts:
        assert part in rest
        rest = rest.partition(part)[2]


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name not in ("colours", "title and directory")])
def test_a_reset_leaves_nothing(library: Library, name: str) -> None:
    left = painted(library, OUTPUTS[name] + LEFT_BEHIND, reset())
    assert left == painted(library, b"\x1b]4;1;rgb:01/02/03\x07", b"")


def test_the_way_back_to_the_main_screen(library: Library) -> None:
    output = b"main\x1b[2;3H\x1b[33m\x1b[?1049h\x1b[mother"
    back = b"\x1b[?1049lx"
    assert painted(library, painted(library, b"", output), back) == painted(library, output, back)


def test_title_and_colours_are_left_alone_where_nobody_set_them(emulator: Emulator) -> None:
    emulator.write(b"\x1b]2;title\x07\x1b]4;1;#fff\x07")
    assert b"title" not in repaint(emulator, has_title=False, has_colours=False)
    assert b"\x1b]104" not in repaint(emulator, has_title=False, has_colours=False)


def test_the_character_before_the_cursor_comes_last(emulator: Emulator) -> None:
    emulator.write(b"\x1b[31mabc")
    assert repaint(emulator, has_title=False, has_colours=False).endswith(b"\x1b[1;3Hc")
    emulator.write(b"\x1b[32m")
    assert not repaint(emulator, has_title=False, has_colours=False).endswith(b"c")


@pytest.mark.parametrize("output", [b"\x1b[4h", b"\x1b[?7l", b"\x1b(0"])
def test_but_not_where_that_would_change_something(emulator: Emulator, output: bytes) -> None:
    emulator.write(output + b"abx")
    assert not repaint(emulator, has_title=False, has_colours=False).endswith((b"x", "│".encode()))


@pytest.mark.parametrize("later", [4, 8])
@pytest.mark.parametrize("after", [b"", b"\x1b[?1049l"])
def test_halves_are_erased_that_cannot_be_cloned(emulator: Emulator, after: bytes, later: int) -> None:
    emulator.write("\x1b[2;3r\x1b[?1049h\x1b[?6h\x1b[1;1Habc漢\x1b[2;2H".encode() + after)
    emulator.resize(TerminalSize(cols=4, rows=4))
    emulator.resize(TerminalSize(cols=later, rows=4))
    with pytest.raises(LibraryError):
        emulator.clone()
    place, origin = emulator.place(), emulator.mode(6)
    erase_halves(emulator)
    emulator.clone().close()
    assert (emulator.place(), emulator.mode(6)) == (place, origin)
    assert emulator.is_alternate is not bool(after)
