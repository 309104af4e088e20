"""The quick look."""

import pytest

from whale.recording.expressions import Expression, Expressions
from whale.recording.plain import Plain

PLAIN = Plain([Expressions([Expression(b"secret")]).first()])


def test_lines_end_where_one_more_is_there() -> None:
    assert PLAIN.lines(b"one\ntwo\nthr", has_controls=False) == (8, 4)
    assert PLAIN.lines(b"one\ntwo", has_controls=False) == (0, 0)
    assert PLAIN.lines(b"a\x1b[1;1Hb\x1b[2;1Hc", has_controls=False) == (14, 7)


def test_no_line_ends_within_a_string() -> None:
    assert PLAIN.lines(b"one\ntwo\n\x1b]0;a\nb\n", has_controls=True) == (8, 4)
    assert PLAIN.lines(b"one\n\x1b]0;a\nb\x07two\n", has_controls=True) == (len(b"one\n\x1b]0;a\nb\x07two\n"), 4)


def test_a_sign_in_plain_text_has_a_place() -> None:
    assert PLAIN.sign(b"a line\na secret here\n", has_controls=False) == (9, 15)
    assert PLAIN.sign(b"a line\n\x1b[31mcolours\x1b[0m\n", has_controls=False) is None


@pytest.mark.parametrize(
    "hidden",
    [
        b"sec\x1b[31mret",
        b"sec\x1b[1m\x1b[2mret",
        b"sec\x1b[3\x1b[0mret",
        b"sec\x00ret",
        b"sec\x1b(Bret",
        b"sec\x1b]0;title\x07ret",
        b"sec\x1bPab\x1b\\ret",
        b"\x1b]0;sec\x01ret\x07",
        b"sec\xc2\x9b31mret",
        b"sec\xc2\x85ret",
        b"sec\x1b[3\n1mret",
        b"secx\x08 \x08ret"[:0] + b"sec\x08 \x08ret",
    ],
)
def test_a_sign_is_found_wherever_it_is_hidden(hidden: bytes) -> None:
    lines = b"a line\n" + hidden + b"\n"
    assert PLAIN.sign(lines, has_controls=PLAIN.has_controls(lines)) is not None


def test_controls_alone_are_no_sign() -> None:
    lines = b"se\x1b]0;title\x07c\x00\n"
    assert PLAIN.has_controls(lines)
    assert PLAIN.sign(lines, has_controls=True) is None
    assert not PLAIN.has_controls(b"text \x1b[31min colour\r\n\ttab")
