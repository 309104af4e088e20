"""What is on a screen is found as people read it, however it came there."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whale.recording.text_output import TextOutput
from whale.recording.text_screen import AMPLIFIED, MAX_LINE

PLAIN = b"".join(b"line %d of \x1b[32mthem\x1b[0m\r\n" % number for number in range(200))


def shown(*pieces: bytes, cols: int = 80, rows: int = 24, step: int = 1000, is_terminal: bool = True) -> list[str]:
    output = TextOutput(cols, rows, is_terminal=is_terminal)
    lines = [line for number, piece in enumerate(pieces) for line in output.feed(piece, number * step)]
    return [line.text for line in lines + output.finish()]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"drop table users\r\n"],
        [b"dr\x1b[1mop\x1b[0m table \x1b[38;5;1muse\x1b[mrs\r\n"],
        [b"drop tab", b"le users"],
        [bytes([value]) for value in b"\x1b]0;title\x07dr\x1b[1mop\x1b[m table users\r\n"],
        [b"drpo table users\x1b[14D\x1b[Kop table users\r\n"],
        [b"drop users \x1b[6Dtable users\r\n"],
        [b"drop users\x1b[5D\x1b[6@table \r\n"],
        [b"drop the table users\x1b[15D\x1b[4P\r\n"],
        [b"\x1b[5;1Hdrop\x1b[9;1H\x1b[5;12Husers", b"\x1b[5;6Htable", b"\x1b[9;1H"],
        [b"\x1b[?1049h\x1b[2J\x1b[3;1Htable users", b"\x1b[3;1H\x1b[5@drop\x1b[?1049l"],
        [b"x\r\x1b[2Kdrop table users\x1b[3;1H"],
        [b"\x1bPq#0;1\x1b\\drop table users\x1b_hidden\x1b\\"],
    ],
)
def test_a_line_is_whole(pieces: list[bytes]) -> None:
    assert "drop table users" in shown(*pieces)


def test_a_line_wider_than_the_screen_is_one() -> None:
    long = b"x" * 74 + b" drop table users"
    assert shown(long + b"\r\n") == shown(long[:80], long[80:]) == [long.decode()]
    # Also where its first row has scrolled away.
    assert shown(b"\n" * 23 + long + b"\r\n" * 30)[-1] == long.decode()


def test_progress_is_not_thousands_of_lines() -> None:
    bar = [b"\rloading %d%% [%s]" % (number, b"#" * (number // 5)) for number in range(101)]
    for pieces in (bar, [b"".join(bar)]):
        lines = shown(*pieces, b"\r\ndone\r\n")
        assert len(lines) < 30
        assert lines[-2:] == ["loading 100% [####################]", "done"]
    layers = [b"\x1b[2A\r\x1b[2Kone: %d MB\r\n\x1b[2Ktwo: %d MB\r\n" % (size, size) for size in range(300)]
    assert len(shown(b"\r\n\r\n", *layers)) < 100


def test_what_is_painted_again_is_told_once() -> None:
    frames = [b"\x1b[H\x1b[2J" + b"".join(b"\x1b[%d;1Hrow %c" % (row, row + 64) for row in range(1, 20))] * 50
    assert len(shown(b"\x1b[?1049h", *frames)) == 19


def test_pages_of_numbers_are_all_there() -> None:
    pages = [b"\x1b[1;1H\x1b[K10.0.0.%d gateway" % page for page in range(6)]
    assert shown(b"\x1b[?1049h", *pages) == [f"10.0.0.{page} gateway" for page in range(6)]


def test_a_screen_of_its_own_comes_and_goes() -> None:
    lines = shown(b"$ vi\r\n\x1b[?1049h\x1b[2J\x1b[1;1Hin the editor\x1b[?1049l$ next\r\n")
    assert lines == ["$ vi", "in the editor", "$ next"]


def test_drawn_lines_are_no_letters() -> None:
    assert shown("\x1b(0lqqk\x1b(B 日本 é\r\n".encode()) == ["┌──┐ 日本 é"]
    assert shown(b"\x1b)0\x0elq\x0flq\r\n") == ["┌─lq"]


def test_without_a_terminal_lines_end_by_themselves() -> None:
    assert shown(b"one\ntwo\r\nthree", is_terminal=False) == ["one", "two", "three"]
    assert shown(b"one\ntwo\r\n") == ["one", "two"]


def test_a_very_long_line_is_several() -> None:
    line = ("word " * 4000).strip()
    pieces = shown(line.encode() + b"\r\n")
    assert all(len(piece) <= MAX_LINE for piece in pieces)
    assert sum(piece.count("word") for piece in pieces) >= 4000


def test_times_are_those_when_it_stood_there() -> None:
    output = TextOutput()
    assert output.feed(b"fir", 1000) == []
    assert output.feed(b"st", 2000) == []
    [line] = output.feed(b"\r\nsecond", 9000)
    assert line == (2000, "first")
    assert output.finish() == [(9000, "second")]


def test_a_resize_tells_what_was_there() -> None:
    output = TextOutput(80, 24)
    output.feed(b"before\x1b[20;1Hbelow", 0)
    assert [line.text for line in output.resize(20, 5)] == ["before", "below"]
    assert output.feed(b"\x1b[999;999Hx\r\n", 1)[0].text == "below" + " " * 14 + "x"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 400), max_size=60), st.integers(0, 3))
def test_cuts_make_no_difference(cuts: list[int], kind: int) -> None:
    data = (
        PLAIN,
        PLAIN.replace(b"\r\n", b"\x1b[K\r\n").replace(b"5", b"5\b\b\x1b[C"),
        b"".join(b"\x1b[%d;%dHtext %d" % (row % 24, row % 70, row) for row in range(300)),
        PLAIN[:900] + b"\x1b[?1049h" + b"\x1b[5;3Hab\x1bM\x1bD\x1b[2L\x1b[M" * 40 + b"\x1b[?1049l\r\n" + PLAIN,
    )[kind]
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(data[at : at + cut])
        at += cut
    assert shown(*pieces, data[at:], step=0) == shown(data, step=0)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x1b[2J\x1b[1000;1000Hx",
        b"\x1b[999S",
        b"\x1b[999T",
        b"\x1b[1;2r\n\n\x1b[L",
        b"\x1b[",
        b"\x1b]",
        b"a\x1b[1000b",
        b"\x1b[999@x",
        b"\x1b[H\x1b[1000;1000Hy\x1bM\x1bM",
        b"\xff\xc2\x9b\x9b",
        b"\x1b[99999999999999999999;9C\x1b[?1049h\x1b[?1049l",
    ],
)
def test_hostile_output_costs_in_proportion(hostile: bytes) -> None:
    data = hostile * (20_000 // len(hostile))
    output = TextOutput(1000, 1000)
    began, size = time.process_time(), 0
    for at in range(0, len(data), 4096):
        size += sum(len(line.text) for line in output.feed(data[at : at + 4096], at))
    size += sum(len(line.text) for line in output.finish())
    assert size < 2 * AMPLIFIED * len(data) + 2 * 1024 * 1024
    assert time.process_time() - began < 5


def test_noise_is_nothing_to_fall_over() -> None:
    for seed in range(20):
        shown(random.Random(seed).randbytes(5000), cols=20, rows=5)
