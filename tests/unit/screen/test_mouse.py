import pytest

from whale.screen.emulator import Emulator
from whale.screen.mouse import read_mouse


@pytest.mark.parametrize(
    ("set_and_reset", "counts"),
    [
        ("", ()),
        ("9h", (9,)),
        ("1000h", (1000,)),
        ("1002h", (1002,)),
        ("1003h", (1003,)),
        ("1000h 1002h 1006h", (1000, 1002, 1006)),
        ("1002h 1000h", (1002, 1000)),
        ("1003h 1000l", ()),
        ("1000h 1006h 1015h", (1000, 1006, 1015)),
        ("1000h 1015h 1006h", (1000, 1015, 1006)),
        ("1005h", (1005,)),
        ("1016h", (1016,)),
        ("1016h 1006l", ()),
    ],
)
def test_the_last_of_each_kind_counts(emulator: Emulator, set_and_reset: str, counts: tuple[int, ...]) -> None:
    emulator.write("".join(f"\x1b[?{mode}" for mode in set_and_reset.split()).encode())
    assert read_mouse(emulator) == counts
