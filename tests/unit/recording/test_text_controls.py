import pytest

from whale.recording.text_output import TextOutput


def screen_of(data: bytes) -> list[str]:
    output = TextOutput(10, 4)
    output.feed(data, 0)
    return [row.text().rstrip() for row in output.screen.rows]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"ab\bx\tz\x0by", ["ax      z", "         y"]),
        (b"a\x1bDb\x1bEc", ["a", " b", "c"]),
        ("a\u0084b\u0085c\u008dx".encode(), ["a", " x", "c"]),
        (b"one\x1b7\x1b[3;3Hx\x1b8!", ["one!", "", "  x"]),
        (b"one\x1b[s\x1b[3;3fx\x1b[u!", ["one!", "", "  x"]),
        (b"a\x1bMb", [" b", "a", "", ""]),
        (b"\x1b[2;2Ha\x1b[Ab\x1b[2Bc\x1b[3Dd\x1b[2Ce", ["  b", " a", " d ce"]),
        (b"a\x1b[2Eb\x1b[Fc\x1b[5Gd\x1b[2`e\x1b[3ef\x1b[ag", ["a", "ce  d", "b", "  f g"]),
        (b"\x1b[3dx\x1b[1dy", [" y", "", "x"]),
        (b"abc\r\ndef\x1b[1;2H\x1b[J", ["a"]),
        (b"abc\r\ndef\x1b[2;2H\x1b[1J", ["", "  f"]),
        (b"abc\r\ndef\x1b[2J", ["", ""]),
        (b"abc\r\ndef\x1b[1;2H\x1b[3J\x1b[9J\x1b[9K", ["abc", "def"]),
        (b"abcdef\x1b[3G\x1b[K", ["ab"]),
        (b"abcdef\x1b[3G\x1b[1K", ["   def"]),
        (b"abcdef\x1b[3G\x1b[2K", [""]),
        (b"abcdef\x1b[3G\x1b[2X", ["ab  ef"]),
        (b"abcdef\x1b[3G\x1b[2P", ["abef"]),
        (b"abcdef\x1b[3G\x1b[2@", ["ab  cdef"]),
        (b"a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[L", ["a", "", "b", "c"]),
        (b"a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[M", ["a", "c", "d", ""]),
        (b"a\r\nb\r\nc\r\nd\x1b[S", ["b", "c", "d", ""]),
        (b"a\r\nb\r\nc\r\nd\x1b[2T", ["", "", "a", "b"]),
        (b"a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3;1H\nx\x1b[4;1H\x1b[L", ["a", "c", "x", "d"]),
        (b"a\r\nb\x1b[3;2r\x1b[1;1Hx\x1b[5b", ["xxxxxx", "b"]),
        (b"a\x1b(0q\x1b(Bq\x1b)0\x0eq\x0fq\x1b*0q", ["a─q─qq"]),
        (b"a\x1b[?25h\x1b[?7l\x1b[>c\x1b[=1u\x1b#8\x1b%G\x1b[12;34zb", ["ab"]),
        (b"abc\x1bcx", ["x"]),
        (b"abc\x1b[?47hx\x1b[?47l!", ["abc!"]),
    ],
)
def test_the_screen_is_as_a_terminal_has_it(data: bytes, rows: list[str]) -> None:
    assert screen_of(data) == rows
