"""What is written and what counts: the two are not the same for repaints and for queries that nobody may answer."""

import os
from collections.abc import Iterator

import pytest

from whale.client.bottom_line import BottomLine
from whale.client.display import Display
from whale.client.outlet import Outlet
from whale.model.exec import Stream
from whale.model.terminal import TerminalSize

QUERY = b"\x1b[6n"


class Rig:
    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        self.display = Display({Stream.STDOUT: Outlet(self._writer), Stream.STDERR: Outlet(self._writer)})
        self.consumed = 0

    def put(self, data: bytes) -> None:
        self.consumed += self.display.put(Stream.STDOUT, data)
        self.consumed += self.display.flush(Stream.STDOUT)

    def shown(self) -> bytes:
        self.display.flush(Stream.STDOUT)
        return os.read(self.reader, 100_000)

    def close(self) -> None:
        for outlet in self.display.outlets.values():
            outlet.close()
        os.close(self.reader)
        os.close(self._writer)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def test_output_is_shown_as_it_is_and_counts(rig: Rig) -> None:
    rig.put(b"a" + QUERY + b"b")
    assert (rig.shown(), rig.consumed) == (b"a" + QUERY + b"b", 6)


def test_a_repaint_is_shown_and_does_not_count(rig: Rig) -> None:
    rig.put(b"one")
    rig.display.put_screen(b"picture")
    rig.put(b"two")
    assert (rig.shown(), rig.consumed) == (b"onepicturetwo", 6)


def test_replayed_queries_count_and_are_not_shown(rig: Rig) -> None:
    rig.display.begin(offset=100, replay=109, answers=True)
    rig.put(b"old" + QUERY + b"xy")
    assert rig.consumed == 9
    rig.put(b"new" + QUERY)
    assert (rig.shown(), rig.consumed) == (b"oldxynew" + QUERY, 16)


def test_a_replay_ends_within_a_piece(rig: Rig) -> None:
    rig.display.begin(offset=0, replay=7, answers=True)
    rig.put(b"old" + QUERY + b"new" + QUERY)
    assert (rig.shown(), rig.consumed) == (b"oldnew" + QUERY, 14)


def test_a_query_that_a_replay_ends_in_is_not_shown(rig: Rig) -> None:
    rig.display.begin(offset=0, replay=5, answers=True)
    rig.put(b"old" + QUERY[:2])
    rig.put(QUERY[2:] + b"new")
    assert rig.consumed == 10
    rig.put(QUERY)
    assert (rig.shown(), rig.consumed) == (b"oldnew" + QUERY, 14)


def test_who_does_not_answer_is_not_asked(rig: Rig) -> None:
    rig.display.begin(offset=0, replay=0, answers=False)
    rig.put(b"a" + QUERY)
    rig.display.set_answers(True)
    rig.put(b"b")
    rig.put(QUERY)
    assert (rig.shown(), rig.consumed) == (b"ab" + QUERY, 10)


def test_what_is_left_out_moves_the_end_of_the_replay(rig: Rig) -> None:
    rig.display.begin(offset=0, replay=10, answers=True)
    rig.display.skip(10)
    rig.put(QUERY)
    assert (rig.shown(), rig.consumed) == (QUERY, 4)


def test_it_knows_which_screen_is_shown(rig: Rig) -> None:
    assert not rig.display.is_alternate
    rig.put(b"x\x1b[?1049h vim")
    shown = [rig.display.is_alternate]
    rig.put(b"\x1b[?1l\x1b[?1049l$")
    shown.append(rig.display.is_alternate)
    rig.display.put_screen(b"\x1b[?1049lmain\x1b[?1049hother")
    shown.append(rig.display.is_alternate)
    assert shown == [True, False, True]


def test_standard_error_is_never_looked_at(rig: Rig) -> None:
    rig.display.begin(offset=0, replay=100, answers=False)
    assert rig.display.put(Stream.STDERR, QUERY) == 0
    assert rig.display.flush(Stream.STDERR) == 4


@pytest.mark.parametrize("size", [1, 3, 7])
def test_everything_is_counted_once_whatever_is_taken_out(rig: Rig, size: int) -> None:
    rig.display.begin(offset=0, replay=10_000, answers=True)
    data = b"a\x1b[31" + QUERY + b"b\x1b]11;?\x07c\x1b[?20" + QUERY + b"\x1bP$qm\x1b\\d" * 20
    for at in range(0, len(data), size):
        rig.put(data[at : at + size])
    rig.put(b"e")
    shown = rig.shown()
    assert b"6n" not in shown
    assert rig.consumed == len(data) + 1


def test_a_line_over_it_is_erased_before_anything_is_written(rig: Rig) -> None:
    line = BottomLine(rig.display.outlets[Stream.STDOUT], size=lambda: TerminalSize(cols=80, rows=24))
    line.is_allowed = True
    rig.display.line = line
    for write in (rig.put, rig.display.put_screen):
        line.show("gone", since=0.0)
        line.update()
        rig.shown()
        write(b"text")
        assert rig.shown() == b"\x1b7\x1b[?6l\x1b[24;1H\x1b[0m\x1b[2K\x1b8text"
        line.hide()
    assert rig.consumed == 4
    assert not line.wants_picture, "it has come"


@pytest.mark.parametrize(("half", "rest"), [(b"\x1b[6", b"n"), (b"\x1b]11;?", b"\x1b\\")])
def test_a_picture_leaves_no_half_of_a_query_behind(rig: Rig, half: bytes, rest: bytes) -> None:
    rig.display.begin(offset=0, replay=9, answers=False)
    rig.put(half)
    rig.display.put_screen(b"picture" + half)
    rig.put(rest + b"text")
    assert rig.shown().partition(b"picture")[2] == half + b"\x18text"


def test_a_picture_goes_on_with_what_was_shown_by_half(rig: Rig) -> None:
    rig.display.begin(offset=0, replay=9, answers=False)
    rig.put(b"\x1b]2;ti")
    rig.display.put_screen(b"picture\x1b]2;ti")
    rig.put(b"tle\x07text")
    assert rig.shown().partition(b"picture")[2] == b"\x1b]2;title\x07text"
