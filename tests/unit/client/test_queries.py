import pytest

from whale.client.queries import QueryFilter
from whale.client.questions import MAX_HELD


def filtered(output: bytes) -> bytes:
    query_filter = QueryFilter()
    return query_filter.feed(output) + query_filter.finish()


QUESTIONS = [
    *(f"\x1b[{body}" for body in ("c", ">c", "=c", "6n", "?6n", "4$p", "?1$p", "x", "14t", ">q", "?u")),
    *(f"\x1b]{body}{end}" for body in ("11;?", "4;1;?", "52;c;?", "21;cursor=?") for end in ("\x07", "\x1b\\", "\x9c")),
    *(
        "\x1bP$qm\x1b\\",
        "\x1bP+q544e\x1b\\",
        "\x1b_Gi=1,a=q;AAAA\x1b\\",
        "\x1bZ",
        "\x05",
        "\x9a",
        "\x9b6n",
        "\x9d11;?\x9c",
    ),
    "\x90$qm\x9c",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_are_taken_out(question: str) -> None:
    assert filtered(b"before" + question.encode() + b"behind") == b"beforebehind"


HARMLESS = [
    b"",
    b"plain text\r\n",
    "naïve 漢字 \xa0\xa9".encode(),
    b"\x1b[1;31mred\x1b[m\x1b[2J\x1b[?1049h\x1b[H\x1b[?25l\x1b[3;4r\x1b[4 q\x1b[!p",
    b"\x1b]2;is it 11;?\x07\x1b]8;;http://x/?q\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;QUJD\x07",
    b"\x1bP1;2|17/ab\x1b\\\x1bPq#0;2;0;0;0~-\x1b\\\x1b_Ga=T;AAAA\x1b\\\x1b^note\x1b\\\x1bXs\x1b\\",
    b"\x1b(0lqk\x1b(B\x1b)0\x0e\x0f\x1b#8\x1b=\x1b>\x1b7\x1b8\x1bM\x1bc\x1b%G\x1b F",
    b"\x1b[3\x1b[31m\x1b\x1b[1m\x1b]2;a\x18b\x1b]2;c\x1ad\x1b[1\x18x",
    b"\xff\xfe\x80\xc2\xc2A\xe6\xbc\x1b[m",
    b"\xc2\x9b31m\xc2\x9d2;t\xc2\x9c\xc2\x85",
]


@pytest.mark.parametrize("output", HARMLESS)
def test_all_else_passes_byte_for_byte(output: bytes) -> None:
    assert filtered(output) == output


@pytest.mark.parametrize(
    "output", [*HARMLESS, "a".join([*QUESTIONS, ""]).encode(), b"\xc2\x9d52;c\xc2\x9c\xc2\x9d11;?\xc2\x9c"]
)
def test_byte_by_byte_it_is_the_same(output: bytes) -> None:
    query_filter = QueryFilter()
    passed = b"".join(query_filter.feed(output[at : at + 1]) for at in range(len(output)))
    assert passed + query_filter.finish() == filtered(output)


def test_controls_within_a_question_are_kept() -> None:
    assert filtered(b"a\x1b[6\r\nnb") == b"a\r\nb"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"\x1b\x1b[6n[6n", b"\x1b\x1b\\[6n"),
        (b"\x1b[3\x1b[6n1m", b"\x1b[3\x1b\\1m"),
        (b"\x1b(\x1b[cB", b"\x1b(\x1b\\B"),
        (b"\x1b]2;title\x1b[6nnot title", b"\x1b]2;title\x1b\\not title"),
        (b"\x1b]2;title\xc2\x9b6nnot title", b"\x1b]2;title\x1b\\not title"),
        (b"\xc2\x1b[6n\x9b6n", b"\xc2\x1b\\\x9b6n"),
    ],
)
def test_nothing_becomes_a_sequence_by_what_is_taken_out(output: bytes, expected: bytes) -> None:
    assert filtered(output) == expected
    assert filtered(expected) == expected


@pytest.mark.parametrize("end", [b"\x18", b"\x1a", b"\x1b[m", b"\xc2\x85"])
def test_a_question_that_is_broken_off_is_taken_out_too(end: bytes) -> None:
    rest = b"" if end < b"\x1b" else end
    assert filtered(b"a\x1b]11;?" + end + b"b") == b"a" + rest + b"b"
    assert filtered(b"a\x1bP$qm" + end + b"b") == b"a" + rest + b"b"


def test_only_what_may_become_a_question_is_held_back() -> None:
    query_filter = QueryFilter()
    assert query_filter.feed(b"text\x1b") == b"text"
    assert query_filter.feed(b"[3") == b""
    assert query_filter.feed(b"1mred\x1b]2;ti") == b"\x1b[31mred\x1b]2;ti"
    assert query_filter.feed(b"tle\x07\xc2") == b"tle\x07"
    assert query_filter.feed(b"\xa9\x1b]11;") == b"\xc2\xa9"
    assert query_filter.feed(b"?\x07\x1b]52;c;") == b""
    assert query_filter.feed(b"QUJD") == b"\x1b]52;c;QUJD"
    assert query_filter.finish() == b""


def test_what_is_held_comes_at_the_end() -> None:
    query_filter = QueryFilter()
    assert query_filter.feed(b"text\x1b[3") == b"text"
    assert query_filter.finish() == b"\x1b[3"
    assert query_filter.finish() == b""
    assert query_filter.feed(b"more") == b"more"


def test_nothing_of_a_question_comes_at_the_end() -> None:
    query_filter = QueryFilter()
    assert query_filter.feed(b"text\x1bP+q54") == b"text"
    assert query_filter.feed(b"4e\x1b") == b""
    assert query_filter.finish() == b""


@pytest.mark.parametrize("size", [1000, MAX_HELD * 3])
@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"a\x1b[" + b"1;" * MAX_HELD + b"mb", b"ab"),
        (b"a\x1b[" + b"1;" * MAX_HELD + b"\x18b", b"ab"),
        (b"a\x1b]4;" + b"1;#fff;" * MAX_HELD + b"\x07b", b"ab"),
        (b"a\x1b" + b"\n" * MAX_HELD * 2 + b"Zb", b"a" + b"\n" * MAX_HELD * 2 + b"Zb"),
    ],
)
def test_what_is_held_is_bounded(size: int, output: bytes, expected: bytes) -> None:
    query_filter = QueryFilter()
    passed = b""
    for start in range(0, len(output), size):
        passed += query_filter.feed(output[start : start + size])
    assert passed + query_filter.finish() == expected


def test_it_is_idle_between_sequences() -> None:
    queries = QueryFilter()
    seen = [queries.is_idle]
    for piece in (b"text", b"\x1b[", b"6n", b"\x1b]0;", b"title", b"\x07"):
        queries.feed(piece)
        seen.append(queries.is_idle)
    assert seen == [True, True, False, True, False, False, True]
