from collections.abc import Callable
from typing import TypeVar

import pytest

from whale.screen.cells import Look
from whale.screen.emulator import Emulator, Place
from whale.screen.state import (
    Cursor,
    Mode,
    Region,
    alternate_mode,
    read_cursor,
    read_keyboard,
    read_modes,
    read_other_keys,
    read_region,
    read_saved_cursor,
    read_tabstops,
)

T = TypeVar("T")


def read(emulator: Emulator, output: bytes, reader: Callable[[Emulator], T]) -> T:
    emulator.write(output)
    return reader(emulator)


def test_modes_are_written_for_private_and_ansi_ones() -> None:
    assert Mode(7).sequence(is_set=True) == b"\x1b[?7h"
    assert Mode(4, is_ansi=True).sequence(is_set=False) == b"\x1b[4l"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"", b""),
        (b"\x1b[?1h\x1b[?2004h", b"\x1b[?1h\x1b[?2004h"),
        (b"\x1b[?7l\x1b[?25l\x1b[4h", b"\x1b[4h\x1b[?7l\x1b[?25l"),
        (b"\x1b[?1007l", b"\x1b[?1007l"),
        (b"\x1b=\x1b[?1002h\x1b[?1006h", b"\x1b[?1002h\x1b[?1006h\x1b="),
        (b"\x1b[?1h\x1bc", b""),
    ],
)
def test_modes_that_are_not_as_usual(emulator: Emulator, output: bytes, expected: bytes) -> None:
    assert read(emulator, output, read_modes) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"text", Region(0, 0, 9, 3)),
        (b"x\x1b[2;3r", Region(0, 1, 9, 2, b"\x1b[2;3r")),
        (b"\x1b[?69h\x1b[2;5s", Region(1, 0, 4, 3, b"\x1b[?69h\x1b[2;5s")),
        (b"\x1b[41m\x1b[2J\x1b[1;31mtext\x1b[1;3r", Region(0, 0, 9, 2, b"\x1b[1;3r")),
    ],
)
def test_the_scrolling_region(emulator: Emulator, output: bytes, expected: Region) -> None:
    assert read(emulator, output, read_region) == expected


def test_tab_stops(emulator: Emulator) -> None:
    assert read(emulator, b"\x1b[31mtext", read_tabstops) == b"\x1b[3g\x1b[9G\x1bH\x1b[H"
    assert read(emulator, b"\x1b[3g\x1b[4G\x1bH", read_tabstops) == b"\x1b[3g\x1b[4G\x1bH\x1b[H"


def test_other_keys(emulator: Emulator) -> None:
    assert read(emulator, b"x", read_other_keys) == b""
    assert read(emulator, b"\x1b[>4;2m", read_other_keys) == b"\x1b[>4;2m"


def test_the_cursor_with_all_it_has(emulator: Emulator) -> None:
    output = b"\x1b)0\x0e\x1b[2;4r\x1b[?6h\x1b[1;31m\x1b[2;3H"
    expected = Cursor(Place(2, 2, False), Look(b"0;1;31"), b"\x1b)0\x0e", True)
    assert read(emulator, output, read_cursor) == expected


def test_a_character_set_that_is_the_usual_one_is_none(emulator: Emulator) -> None:
    assert read(emulator, b"\x1b(B\x1b)B", read_cursor).charsets == b""


def test_the_saved_cursor(emulator: Emulator) -> None:
    assert read(emulator, b"text\x1b[31m", read_saved_cursor) == Cursor(Place(0, 0, False), Look(), b"", False)
    expected = Cursor(Place(9, 1, True), Look(b"0;32"), b"", False)
    assert read(emulator, b"\x1b[2;1H\x1b[32m0123456789\x1b7\x1b[H\x1b[m", read_saved_cursor) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"", b""),
        (b"\x1b[>5u", b"\x1b[>5u"),
        (b"\x1b[>1u\x1b[>7u", b"\x1b[>1u\x1b[>7u"),
        (b"\x1b[>1u\x1b[>0u", b"\x1b[>1u\x1b[>0u"),
        (b"\x1b[>1u\x1b[<u", b""),
        (b"\x1b[=3u", b"\x1b[>3u"),
    ],
)
def test_the_keyboards_stack(emulator: Emulator, output: bytes, expected: bytes) -> None:
    assert read(emulator, output, read_keyboard) == expected


@pytest.mark.parametrize("mode", [47, 1047, 1049])
def test_how_the_alternate_screen_came_to_be_shown(emulator: Emulator, mode: int) -> None:
    assert read(emulator, b"\x1b[?%dh" % mode, alternate_mode) == mode
