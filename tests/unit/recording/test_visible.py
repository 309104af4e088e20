"""What output shows."""

import pytest

from whale.recording.visible import Visible


def shown(data: bytes, *, cols: int = 0, each: bool = False) -> tuple[bytes, bytes]:
    """Feed output in one piece or byte by byte; return text and payload."""
    visible = Visible(cols)
    place, left = 0, b""
    for piece in [data[at : at + 1] for at in range(len(data))] if each else [data]:
        left += piece
        taken = visible.feed(left, place)
        place, left = place + taken, left[taken:]
    visible.feed(left, place, is_last=True)
    return visible.text.data, visible.payload.data


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\x1b[31mb\x1b[0mc", b"abc"),
        (b"a\x1b[?25lb\x1b(Bc\x1b=d\x00e\x07f", b"abcdef"),
        (b"a\r\nb\x1b[2;1Hc\rd\x0b\x0ce\x1bMf\n\n\ng", b"a\nb\nc\nd\ne\nf\ng"),
        (b"ab\x08 \x08c\x08d", b"abcd"),
        (b"a\xc2\x9b31mb\xc2\x85c \xc3\xa9", b"abc \xc3\xa9"),
        (b"a\x1b[3\x1b[1mb\x1b\x01[1mc\x1b[1\x18d", b"abcd"),
        (b"tab\tand  spaces ", b"tab\tand  spaces "),
        (b"a\x1b", b"a"),
    ],
)
def test_what_shows_nothing_is_left_out(data: bytes, text: bytes, each: bool) -> None:
    assert shown(data, each=each) == (text, b"")


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        b"a\x1b]0;title\x07b",
        b"a\x1b]0;title\x1b\\b",
        b"a\x1b]0;ti\x01tle\x18b",
        b"a\xc2\x9d0;title\xc2\x9cb",
        b"a\x1bP0;title\x1b\\b",
        b"a\x1b\x00]0;title\x07b",
    ],
)
def test_what_strings_carry_is_apart(data: bytes, each: bool) -> None:
    assert shown(data, each=each) == (b"ab", b"0;title\n\n")


@pytest.mark.parametrize("each", [False, True])
def test_a_line_as_wide_as_the_terminal_is_not_broken(each: bool) -> None:
    assert shown(b"12345\r\n67\r\n89", cols=5, each=each)[0] == b"1234567\n89"
    assert shown("1234ü\r\n67".encode(), cols=5, each=each)[0] == "1234ü67".encode()
    assert shown(b"12345 \r67", cols=5, each=each)[0] == b"1234567"
    assert shown(b"12345 6", cols=5, each=each)[0] == b"12345 6"
    assert shown(b"1234 \r67", cols=5, each=each)[0] == b"1234 67"


def test_every_character_has_its_place() -> None:
    visible = Visible()
    data = b"a\x1b[31mbc\r\nd"
    visible.feed(data, 100)
    text = visible.text
    assert [text.place(at) for at in range(5)] == [100, 106, 107, 108, 110]
    assert text.places(0, 5) == [(100, 101), (106, 108), (110, 111)]
    text.forget(3)
    assert (text.start, text.data) == (2, b"c\nd"[0:3])
    assert text.place(4) == 110


def starts_line(*pieces: bytes) -> bool:
    visible = Visible()
    for piece in pieces:
        visible.feed(piece, 0)
    return visible.is_at_line_start


def test_it_knows_where_a_line_starts() -> None:
    assert starts_line()
    assert not starts_line(b"a")
    assert starts_line(b"a", b"\r\n")
    assert not starts_line(b"a\n", b"\x1b]0;")


def test_lines_may_be_passed_over() -> None:
    visible = Visible()
    visible.feed(b"a\n", 0)
    visible.skip_lines()
    visible.feed(b"b", 500)
    assert visible.text.data == b"\nb"
    assert visible.text.place(visible.text.end - 1) == 500
