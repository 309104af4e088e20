from hypothesis import given
from hypothesis import strategies as st

from whale.screen.slices import LARGEST, LEAST, Slicer

TEXT = b"-rw-r--r-- 1 root root 4096 Jan  1 00:00 a line of text as a listing has them, and it is long\n"


def test_text_is_soon_fed_in_the_largest_slices() -> None:
    data = TEXT * (16 * LARGEST // len(TEXT))
    sizes = [len(piece) for piece in Slicer().slices(data)]
    assert sizes[:3] == [LEAST, 2 * LEAST, 4 * LEAST]
    assert sizes.count(LARGEST) >= 10


def test_nothing_but_line_ends_stays_in_the_least() -> None:
    assert {len(piece) for piece in Slicer().slices(b"\n" * 16 * LEAST)} == {LEAST}
    assert {len(piece) for piece in Slicer().slices(b"\x0b\x0c" * 8 * LEAST)} == {LEAST}


def test_sequences_stay_as_few_as_in_the_least() -> None:
    slicer = Slicer()
    list(slicer.slices(b"a" * 16 * LARGEST))
    for piece in slicer.slices((b"\x1b[31m" + b"a" * 40) * 4096):
        assert len(piece) <= LEAST or piece.count(b"\x1b") <= LEAST // 8


def test_what_comes_behind_text_is_not_taken_for_text() -> None:
    slicer = Slicer()
    list(slicer.slices(b"a" * 16 * LARGEST))
    assert max(len(piece) for piece in slicer.slices(b"\x1b[65535b" * 8 * LEAST)) == LEAST


@given(
    st.lists(st.one_of(st.binary(max_size=3000), st.just(b"\n" * 3000), st.just(b"x" * 9000), st.just(b"\x1bM" * 999)))
)
def test_the_slices_are_the_output(pieces: list[bytes]) -> None:
    slicer = Slicer()
    for data in pieces:
        assert b"".join(slicer.slices(data)) == data
