import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whale.model.terminal import TerminalSize
from whale.screen import screen as module
from whale.screen.screen import open_screen
from whale.screen.scrolled import LEAST, scrolls_whole, without_scrolled

SIZE = TerminalSize(cols=20, rows=4)
LINE = b"a line of text that is longer than a row\r\n"
FLOOD = LINE * 200

BEFORE = (
    b"",
    b"\x1b[2;3r",
    b"\x1b[2;3r\x1b[4;1H",
    b"\x1b[?69h\x1b[3;9s",
    b"\x1b[?69h\x1b[3;9s\x1b[1;15H",
    b"\x1b[4h",
    b"\x1b[?7l",
    b"\x1b[20h",
    b"\x1b[?6h",
    b"\x1b[?1049h\x1b[H",
    b"\x1b[41;1m",
    b"\x1b(0",
    b'\x1b[1"q',
    b"\x1b#8\x1b[H",
    b"\x1b[3g\x1b[5G\x1bH\r",
    b"\x1b]0;tit",
    b"\x1b[3",
    "é".encode()[:1],
    b"\x0e",
    b"abc\x1b[2;9H",
)
PIECES = (
    LINE,
    b"\r\n",
    b"short\r\n",
    b"\tx\ty\r\n",
    b"\x1b[31mred\x1b[0m text\r\n",
    b"\x1b[1;44mno end of it",
    b"\x1b[K",
    b"grep\x1b[m\x1b[K:\r\n",
    "漢字 and é, e\u0301 and \U0001f600\r\n".encode(),
    b"\xff\x9b5C\x84\x85\x90\x9d\r\n",
    b"no carriage return\n",
    b"over\rwritten\r\n",
)


def _painted(before: bytes, data: bytes, *, shortens: bool) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        if not shortens:
            patch.setattr(module, "without_scrolled", lambda data, _rows: data)
        screen = open_screen(SIZE)
        assert screen is not None
        with closing(screen):
            screen.feed(before)
            screen.feed(data)
            screen.feed(b"\xcc\x81\x1b[2bend")
            return screen.repaint()


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(BEFORE), st.integers(0, 10**6))
def test_nothing_that_shows_is_left_out(before: bytes, seed: int) -> None:
    some = random.Random(seed)
    data = b"".join(some.choices(PIECES, weights=[some.random() for _ in PIECES], k=400))
    assert _painted(before, data, shortens=True) == _painted(before, data, shortens=False)


@pytest.mark.parametrize("before", BEFORE)
def test_nothing_that_shows_is_left_out_of_a_flood(before: bytes) -> None:
    data = b"\x1b[32m" + FLOOD + b"\x1b[0;7mthe last\r\n"
    assert _painted(before, data, shortens=True) == _painted(before, data, shortens=False)


def test_of_a_flood_little_is_left() -> None:
    assert len(FLOOD) > LEAST
    assert without_scrolled(FLOOD, SIZE.rows) == LINE * 2 * SIZE.rows
    assert without_scrolled(b"\x1b[31mred\x1b[K" + FLOOD, SIZE.rows) == b"\x1b[31m" + LINE * 2 * SIZE.rows


@pytest.mark.parametrize(
    "data",
    [
        FLOOD[: LEAST - 1],
        FLOOD.replace(b"\r\n", b"\n"),
        FLOOD + b"\x1b[2;3r",
        FLOOD + b"\x1b",
        FLOOD + b"\x0e",
        b"\x08" + FLOOD,
        b"a" * LEAST + LINE * 7,
        b"\r\n" * LEAST,
    ],
)
def test_what_may_show_is_left_in(data: bytes) -> None:
    assert without_scrolled(data, SIZE.rows) is data


@pytest.mark.parametrize(("output", "is_whole"), [(b"", True), (b"\x1b[2;3r", False), (b"\x1b[?69h", False)])
def test_whether_the_whole_screen_scrolls(output: bytes, is_whole: bool) -> None:
    screen = open_screen(SIZE)
    assert screen is not None
    with closing(screen):
        screen.feed(output)
        assert screen._emulator is not None
        assert scrolls_whole(screen._emulator) is is_whole
