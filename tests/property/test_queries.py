"""Output without its questions: the same for any split, nothing left, nothing else gone."""

from hypothesis import given
from hypothesis import strategies as st

from tests.property.helpers import pieces_of
from whale.client.queries import QueryFilter

QUESTIONS = st.sampled_from(
    (
        *(b"\x1b[c", b"\x1b[>0c", b"\x1b[6n", b"\x1b[?1$p", b"\x1b[18t", b"\x1b[>q", b"\x1b[?u", b"\x1bZ", b"\x05"),
        *(b"\x1b]11;?\x07", b"\x1b]4;1;?\x1b\\", b"\x1b]52;c;?\x07", b"\x1bP$qm\x1b\\", b"\x1b_Ga=q;A\x1b\\"),
        b"\xc2\x9b6n",
    )
)
HARMLESS = st.sampled_from(
    (
        *(b"\x1b[1;31m", b"\x1b[H", b"\x1b[?25l", b"\x1b[2 q", b"\x1b[8;24;80t", b"\x1b[u", b"\x1b[>4;2m", b"\x1b(0"),
        *(b"\x1b]2;is it ?\x07", b"\x1b]8;;http://x/?\x1b\\", b"\x1b]52;c;QQ==\x07", b"\x1bPq~\x1b\\", b"\r\n"),
        b"\x1b_Ga=T;A\x1b\\",
    )
)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(str.encode)
FRAGMENTS = st.sampled_from(
    (
        *(
            b"\x1b",
            b"\x1b[",
            b"\x1b]",
            b"\x1b]1",
            b"\x1bP",
            b"\x1b_G",
            b"\x1bX",
            b"\xc2",
            b"\x9b",
            b"\xc2\x9d",
            b"\x18",
        ),
        *(b"\x07", b"\x1b\\", b"\xc2\x9c", b"6n", b"[6n", b"c", b";?", b"?", b"$q", b"+q", b"a=q", b"1;2", b"\n"),
        *(b"52;c;", b"11;"),
    )
)
ANYTHING = st.lists(QUESTIONS | HARMLESS | TEXT | FRAGMENTS | st.binary(max_size=3), max_size=12).map(b"".join)


def filtered(pieces: list[bytes]) -> bytes:
    query_filter = QueryFilter()
    return b"".join([*(query_filter.feed(piece) for piece in pieces), query_filter.finish()])


@given(st.data(), ANYTHING)
def test_any_split_gives_the_same(data: st.DataObject, output: bytes) -> None:
    assert filtered(data.draw(pieces_of(output))) == filtered([output])


@given(ANYTHING)
def test_nothing_is_left_to_take_out(output: bytes) -> None:
    passed = filtered([output])
    assert filtered([passed]) == passed


@given(st.lists(HARMLESS | TEXT, max_size=12).map(b"".join))
def test_output_without_questions_is_unchanged(output: bytes) -> None:
    assert filtered([output]) == output


@given(st.lists(st.tuples(HARMLESS | TEXT, QUESTIONS), max_size=12))
def test_planted_questions_are_gone_and_nothing_else(planted: list[tuple[bytes, bytes]]) -> None:
    output = b"".join(harmless + question for harmless, question in planted)
    assert filtered([output]) == b"".join(harmless for harmless, _ in planted)
