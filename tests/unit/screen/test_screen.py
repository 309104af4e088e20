import subprocess
import sys

import pytest

from whale.model.limits import MAX_UNFINISHED
from whale.model.terminal import MAX_CELLS as MOST
from whale.model.terminal import TerminalSize
from whale.screen import library as library_module
from whale.screen import screen as module
from whale.screen.emulator import Emulator
from whale.screen.library import LibraryError, Loaded, load
from whale.screen.repaint import reset
from whale.screen.screen import (
    MAX_CELLS,
    MAX_COLS,
    MAX_ROWS,
    Screen,
    bounded,
    open_screen,
    unavailable,
    warm_up,
)

SIZE = TerminalSize(cols=20, rows=5)


@pytest.fixture
def screen() -> Screen:
    made = open_screen(SIZE)
    assert made is not None
    return made


def test_there_are_screens_on_this_machine() -> None:
    assert unavailable() == ""


def test_elsewhere_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyghostty._ffi", None)
    library_module.load.cache_clear()
    assert open_screen(SIZE) is None
    assert "pyghostty" in unavailable()
    library_module.load.cache_clear()


WARM = """
from tests.random_output import random_output
from fuzz.fuzz_screen import SEEDS
from whale.model.terminal import TerminalSize
from whale.screen.library import load
from whale.screen.screen import open_screen, warm_up
import random

warm_up()
assert load.cache_info().currsize == 1, "nothing was loaded"
library = load().library
known = set(library.ffi._parsed_types) | set(vars(library.lib))
size = TerminalSize(cols=80, rows=24)
for output in (b"hello", *SEEDS, *(b"".join(random_output(random.Random(seed), size)) for seed in range(20))):
    screen = open_screen(size)
    screen.feed(output)
    screen.resize(TerminalSize(cols=79, rows=25))
    screen.repaint()
    screen.close()
print(sorted({*library.ffi._parsed_types, *vars(library.lib)} - known))
"""


def test_the_first_screen_after_the_warm_up_needs_nothing_new() -> None:
    done = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_machine_without_the_library_has_nothing_to_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load", lambda: Loaded(None, "none here"))
    warm_up()


def test_a_library_that_refuses_stops_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_size: TerminalSize) -> Screen:
        raise LibraryError("new: -1")

    monkeypatch.setattr(module, "open_screen", refuses)
    warm_up()


def test_what_was_fed_is_painted(screen: Screen) -> None:
    screen.feed(b"hello \x1b[31mworld")
    painted = screen.repaint()
    assert painted.startswith(reset())
    assert b"hello \x1b[0;31mworld" in painted


def test_any_split_paints_the_same(screen: Screen) -> None:
    output = "é\x1b[31m漢\x1b]2;title\x07\x1b]11;#fff\x1b\\\x1b[?1049hx\x1b[?2004h".encode()
    screen.feed(output)
    whole = screen.repaint()
    for size in (1, 2, 3, 7):
        split = open_screen(SIZE)
        assert split is not None
        for start in range(0, len(output), size):
            split.feed(output[start : start + size])
        assert split.repaint() == whole
        split.close()


def test_what_is_unfinished_is_at_the_end(screen: Screen) -> None:
    screen.feed(b"text\x1b[3")
    assert screen.repaint().endswith(b"\x1b[3")
    screen.feed(b"1m\xe6\xbc")
    assert screen.repaint().endswith(b"\xe6\xbc")


@pytest.mark.parametrize(
    ("introducer", "stand_in"), [(b"\x1b]52;c;", b"\x1b]777777;"), (b"\x1bPq", b"\x1bP+~"), (b"\x1b_Gf=24;", b"\x1b_-")]
)
def test_a_string_that_is_too_long_is_stood_in_for(screen: Screen, introducer: bytes, stand_in: bytes) -> None:
    screen.feed(b"before" + introducer[:2])
    screen.feed(introducer[2:] + b"A" * MAX_UNFINISHED)
    assert screen.repaint().endswith(stand_in)
    screen.feed(b"A" * 1000)
    assert screen.repaint().endswith(stand_in)
    screen.feed(b"A\x1b\\behind")
    painted = screen.repaint()
    assert b"beforebehind" in painted
    assert not painted.endswith(stand_in)


def test_answers_are_taken(screen: Screen) -> None:
    screen.feed(b"ab\x1b[6n\x1b[5n\x1b[?2004$p\x1b[?u\x1bP$qm\x1b\\")
    assert screen.replies() == b"\x1b[1;3R\x1b[0n\x1b[?2004;2$y\x1b[?0u\x1bP1$r0m\x1b\\"
    assert screen.replies() == b""


def test_a_new_size_is_taken(screen: Screen) -> None:
    screen.feed(b"0123456789")
    screen.resize(TerminalSize(cols=5, rows=5))
    assert b"\x1b[1H0123456789" in screen.repaint()
    screen.feed(b"\x1b[99;99H\x1b[6n")
    assert screen.replies() == b"\x1b[5;5R"


def test_programs_cannot_have_another_size(screen: Screen) -> None:
    screen.feed(b"\x1b[?40h\x1b[?3h")
    screen.feed(b"\x1b[99;999H\x1b[6n")
    assert screen.replies() == b"\x1b[5;20R"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (TerminalSize(cols=80, rows=24), TerminalSize(cols=80, rows=24)),
        (TerminalSize(cols=640, rows=150), TerminalSize(cols=640, rows=150)),
        (TerminalSize(cols=MOST, rows=MOST), TerminalSize(cols=MAX_COLS, rows=MAX_CELLS // MAX_COLS)),
        (TerminalSize(cols=1, rows=MOST), TerminalSize(cols=1, rows=MAX_ROWS)),
        (TerminalSize(cols=0, rows=0), TerminalSize(cols=1, rows=1)),
    ],
)
def test_sizes_are_bounded(size: TerminalSize, expected: TerminalSize) -> None:
    assert bounded(size) == expected


def test_colours_are_brought_back_only_where_a_program_set_some(screen: Screen) -> None:
    screen.feed(b"\x1b]2;a title; 4;1\x07\x1b]8;;http://10/\x07")
    assert b"\x1b]104" not in screen.repaint()
    screen.feed(b"text\x1b]1")
    screen.feed(b"1;#fff\x07")
    assert b"\x1b]104" in screen.repaint()
    assert b"\x1b]11;rgb:ff/ff/ff" in screen.repaint()


def test_costly_output_loses_the_screen(screen: Screen) -> None:
    for _ in range(100):
        screen.feed(b"x\x1b[65535b" * 1000)
    assert screen.lost == "its output takes too long to emulate"
    assert screen.repaint() == reset()
    screen.resize(SIZE)
    screen.feed(b"more")


def test_what_cannot_be_cloned_is_mended(screen: Screen) -> None:
    # A byte of a character, within a string, is a control to the library.
    screen.feed(b"text\x1b_\x9d")
    painted = screen.repaint()
    assert b"text" in painted
    assert painted.endswith(b"\x1b_-")
    screen.feed(b"x\x1b\\\x1b[?1049h\x1b[Habc" + "漢".encode() * 8)
    screen.resize(TerminalSize(cols=4, rows=5))
    assert b"abc" in screen.repaint()
    assert screen.lost == ""


def test_a_library_that_fails_loses_the_screen(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise LibraryError("clone: -1")

    monkeypatch.setattr(module, "repaint", fail)
    screen.feed(b"text")
    assert screen.repaint() == reset()
    assert screen.lost == "the emulator failed: clone: -1"


@pytest.mark.parametrize("name", ["settled", "resize"])
def test_so_does_one_that_fails_when_it_is_fed_or_resized(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise LibraryError("no")

    monkeypatch.setattr(Emulator, name, fail)
    screen.feed(b"text")
    screen.resize(SIZE)
    assert screen.lost == "the emulator failed: no"


def test_closing_twice_is_fine(screen: Screen) -> None:
    screen.close()
    screen.close()
    screen.feed(b"text")
    assert screen.repaint() == reset()
    assert screen.lost == ""
    assert load().library is not None
