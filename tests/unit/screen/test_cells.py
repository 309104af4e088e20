from collections.abc import Iterator

import pytest

from whale.screen import cells
from whale.screen.cells import Cell, Look, Reader, Row, printable, read_look
from whale.screen.emulator import Emulator
from whale.screen.library import Library


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[Reader]:
    made = Reader(emulator)
    yield made
    made.close()


def first_row(reader: Reader) -> Row:
    return next(iter(reader.rows()))


def test_the_numbers_are_those_of_the_library(library: Library) -> None:
    lib = library.lib
    assert (cells._PLAIN, cells._COMBINED, cells._PALETTE_ONLY, cells._RGB_ONLY) == (
        lib.GHOSTTY_CELL_CONTENT_CODEPOINT,
        lib.GHOSTTY_CELL_CONTENT_CODEPOINT_GRAPHEME,
        lib.GHOSTTY_CELL_CONTENT_BG_COLOR_PALETTE,
        lib.GHOSTTY_CELL_CONTENT_BG_COLOR_RGB,
    )
    assert (cells._NARROW, cells._WIDE) == (lib.GHOSTTY_CELL_WIDE_NARROW, lib.GHOSTTY_CELL_WIDE_WIDE)


def test_text_of_all_kinds(emulator: Emulator, reader: Reader) -> None:
    emulator.write("a漢e\u0301 é".encode())
    found = first_row(reader).cells
    assert [(cell.text, cell.width) for cell in found[:7]] == [
        ("a", 1),
        ("漢", 2),
        ("", 0),
        ("e\u0301", 1),
        (" ", 1),
        ("é", 1),
        ("", 1),
    ]


def test_equal_text_may_look_different(emulator: Emulator, reader: Reader) -> None:
    emulator.write(b"x\x1b[31mx\x1b[1;32mx\x1b[mx")
    assert [cell.look.sgr for cell in first_row(reader).cells[:4]] == [b"0", b"0;31", b"0;1;32", b"0"]


def test_what_is_erased_keeps_its_background(emulator: Emulator, reader: Reader) -> None:
    emulator.write(b"\x1b[31;41m\x1b[2K\r\n\x1b[48;5;200m\x1b[2K\r\n\x1b[48;2;1;2;3m\x1b[2K")
    looks = [row.cells[5] for row in reader.rows()][:3]
    assert looks == [
        Cell("", 1, Look(b"0;41")),
        Cell("", 1, Look(b"0;48;5;200")),
        Cell("", 1, Look(b"0;48;2;1;2;3")),
    ]


def test_protection(emulator: Emulator, reader: Reader) -> None:
    emulator.write(b'a\x1b[1"qa')
    looks = [cell.look for cell in first_row(reader).cells[:2]]
    assert looks == [Look(), Look(is_protected=True)]
    assert [read_look(emulator, x, 0) for x in range(2)] == looks


def test_lines_that_go_on(emulator: Emulator, reader: Reader) -> None:
    emulator.write(b"0123456789ab\r\nc")
    assert [row.is_wrapped for row in reader.rows()] == [True, False, False, False]


@pytest.mark.parametrize(("sequence", "shape"), [(b"", 3), (b"\x1b[1 q", 1), (b"\x1b[4 q", 2), (b"\x1b[6 q", 0)])
def test_the_cursors_shape(emulator: Emulator, reader: Reader, sequence: bytes, shape: int) -> None:
    emulator.write(sequence)
    assert reader.shape() == shape


def test_nothing_in_a_text_ends_the_sequence_around_it() -> None:
    assert printable(b"a\x1b\\b\x07\xc2\x9cc\xc3\xa9\xff") == "a\ufffd\\b\ufffd\ufffdcé\ufffd".encode()
