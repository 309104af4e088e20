"""No link gets to the library, in whatever pieces and disguises it comes, and nothing else is changed."""

import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from whale.model.limits import MAX_UNFINISHED
from whale.model.terminal import TerminalSize
from whale.screen.cells import Reader
from whale.screen.emulator import Emulator
from whale.screen.library import Library
from whale.screen.links import LinkFilter
from whale.screen.screen import open_screen

LINK = b"\x1b]8;;http://x/\x07"


def fed(emulator: Emulator, output: bytes, step: int) -> bytes:
    """What reaches the library of an output that comes in pieces."""
    links, reached = LinkFilter(), b""
    for start in range(0, len(output), step):
        for piece in links.without_links(output[start : start + step], emulator.unfinished):
            emulator._write(emulator.handle, piece, len(piece))
            reached += piece
    return reached


def linked_cells(emulator: Emulator) -> int:
    """How many cells the library takes for linked."""
    reader = Reader(emulator)
    lib = emulator.library.lib
    try:
        list(reader.rows())
        return sum(bool(reader._get(number, lib.GHOSTTY_CELL_DATA_HAS_HYPERLINK, "bool")) for number in reader._decoded)
    finally:
        reader.close()


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    "output",
    [
        LINK,
        b"\x1b]8;id=a;http://x/\x1b\\",
        b"\x1b\r]\x00\x018\x19;;http://x/\x07",
        b"\x1b\x7f]8;;http://x/\x07",
        b"\x1b]\x1b]8;;http://x/\x07",
        b"\x1b]2;t\x1b]8;;http://x/\x07",
        b"\x1bPq" + b"x" * 40 + LINK,
        b"\x1b[3\x9d8;;http://x/\x07",
        b"\x1b[\xe2\x9d\x008;;http://x/\x07",
        b"\x1b\x9d8;;http://x/\x07",
        b"\x1bX\x9d8;;http://x/\x07",
        b"\x1b\x9d]8\x1b\x9d8;;http://x/\x07",
    ],
)
def test_links_are_left_out(emulator: Emulator, output: bytes, step: int) -> None:
    reached = fed(emulator, output + b"text", step)
    assert linked_cells(emulator) == 0
    assert len(reached) == len(output + b"text")
    assert reached.endswith(b"text")


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    "output",
    [
        b"text]8;;text",
        "„text”8; text".encode(),
        "\x1b]2;a title]8; and ”8;\x07".encode(),
        b"\x1b]18;x\x07\x1b]88;x\x07\x1b]3008;start=x\x07",
        b"\x1b(]8;\x1b[]8;",
        b"\x1b]\x188;",
    ],
)
def test_nothing_else_is_changed(emulator: Emulator, output: bytes, step: int) -> None:
    assert fed(emulator, output, step) == output


def test_what_is_too_long_to_be_looked_at_is_left_out_too(emulator: Emulator) -> None:
    output = b"\x1bP" + b"x" * (MAX_UNFINISHED + 1) + LINK
    assert fed(emulator, output, len(output)) == output.replace(b"]8;", b"]89")


def test_the_library_takes_links_that_are_not_left_out(emulator: Emulator) -> None:
    emulator._write(emulator.handle, LINK + b"a", len(LINK) + 1)
    assert linked_cells(emulator) == 1


@pytest.fixture
def large(library: Library) -> Iterator[Emulator]:
    made = Emulator.open(library, TerminalSize(cols=30, rows=10))
    yield made
    made.close()


def test_no_mixture_of_all_that_makes_a_link_makes_one(large: Emulator) -> None:
    chance = random.Random(8)
    parts = [
        b"\x1b",
        b"]",
        b"\x9d",
        b"8",
        b";",
        b"\x07",
        b"\x00",
        b"\x18",
        b"[",
        b"P",
        b"\xe2\x80",
        b"x",
        b"1",
        b"\x7f",
    ]
    for _ in range(3000):
        output = b"".join(chance.choice(parts) for _ in range(chance.randrange(12))) + b"]8;;u\x07"
        fed(large, b"\x1b" * chance.randrange(2) + output, chance.choice((1, 2, 5, 100)))
        large._write(large.handle, b"\x1b\\ab", 4)
        assert linked_cells(large) == 0, output
        large._write(large.handle, b"\x1bc", 2)


FATAL = """
import sys
from whale.screen import allowance
allowance.BURST = 1000.0  # a busy machine must not end the screen before its output could
from whale.model.terminal import TerminalSize
from whale.screen.screen import open_screen

screen = open_screen(TerminalSize(cols=1000, rows=100))
for _ in range(2):
    screen.feed(b"\\x1b]8;;http://x\\x07" + "\u6f22".encode() + b"\\x1b[99999b")
print(screen.lost)
screen = open_screen(TerminalSize(cols=400, rows=60))
screen.feed(b"\\x1b]8;;http://x\\x07" + "\u6f22".encode() + b"\\x1b[9999b" + b"\\x1b[?47h")
screen.resize(TerminalSize(cols=800, rows=60))
screen.resize(TerminalSize(cols=400, rows=60))
for number in range(20000):
    screen.feed(b"\\x1b]8;;http://x%d\\x07ab" % number)
print(screen.lost)
"""


def test_what_ended_the_process_does_not() -> None:
    done = subprocess.run([sys.executable, "-c", FATAL], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "\n\n"), done.stderr


def test_a_repaint_has_the_text_of_a_link(library: Library) -> None:
    screen = open_screen(TerminalSize(cols=20, rows=2))
    assert screen is not None
    screen.feed(LINK + b"text\x1b]8;;\x07 on")
    assert b"text on" in screen.repaint()
    assert b"http" not in screen.repaint()
    screen.close()
