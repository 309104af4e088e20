"""Output as runs of text."""

import pytest

from whale.recording.runs import End, Runs

OUTPUT = b"ab\x1b[31mc\r\nd\x08 e\x1b]0;title\x07f\x1b]0;t\x1b\\g"
TEXT = [b"ab", b"c", b"d", b"e", b"f", b"g"]


def test_controls_end_runs() -> None:
    pieces = list(Runs().feed(OUTPUT))
    assert [piece for piece in pieces if isinstance(piece, bytes)] == TEXT
    assert pieces[:5] == [b"ab", End.OTHER, b"c", End.LINE, End.OTHER]
    assert pieces.count(End.LINE) == 1


@pytest.mark.parametrize("cut", range(1, len(OUTPUT)))
def test_a_cut_changes_nothing(cut: int) -> None:
    runs = Runs()
    pieces = [*runs.feed(OUTPUT[:cut]), *runs.feed(OUTPUT[cut:])]
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == b"".join(TEXT)


def test_every_line_end_counts() -> None:
    assert list(Runs().feed(b"\r\n\n\r")).count(End.LINE) == 2


def test_after_a_gap_it_begins_anew() -> None:
    runs = Runs()
    list(runs.feed(b"\x1b]0;title\x1b"))
    runs.skip()
    assert list(runs.feed(b"text")) == [b"text"]
