import pytest

from whale.screen import style
from whale.screen.cells import read_look
from whale.screen.emulator import Emulator
from whale.screen.library import Library


def test_the_numbers_are_those_of_the_library(library: Library) -> None:
    lib = library.lib
    assert (style.NONE, style.PALETTE, style.RGB) == (
        lib.GHOSTTY_STYLE_COLOR_NONE,
        lib.GHOSTTY_STYLE_COLOR_PALETTE,
        lib.GHOSTTY_STYLE_COLOR_RGB,
    )


@pytest.mark.parametrize(
    "parameters",
    [
        b"0",
        b"0;1;2;3;5;7;8;9;53",
        b"0;4",
        b"0;4:2",
        b"0;4:3;58:5:9",
        b"0;4:4;58:2::1:2:3",
        b"0;4:5",
        b"0;30;47",
        b"0;97;100",
        b"0;38;5;16;48;5;255",
        b"0;38;2;1;2;3;48;2;250;251;252",
    ],
)
def test_what_was_set_is_what_is_written(emulator: Emulator, parameters: bytes) -> None:
    emulator.write(b"\x1b[31;1;4m\x1b[%bmx" % parameters)
    assert read_look(emulator, 0, 0).sgr == parameters


def test_bright_and_first_colours_of_the_palette_are_one(emulator: Emulator) -> None:
    emulator.write(b"\x1b[38;5;1;48;5;9mx")
    assert read_look(emulator, 0, 0).sgr == b"0;31;101"
