"""Keys are told from what a terminal sends by itself, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.client.keys import MAX_HELD, KeyReader, PlayKey

SENT = [
    b"\x1b[<0;10;20M", b"\x1b[<35;1;1m", b"\x1b[M q[", b"\x1b[I", b"\x1b[O", b"\x1b]11;rgb:q/q/q\x07",
    b"\x1b]10;rgb:.\x1b\\", b"\x1b[?62;c", b"\x1b[12;40R", b"\x1bP1$r0q\x1b\\", b"\x1b[200~", b"\x1b[201~",
    b"\x1b[1;5C",
    b"\x1b_Gq;OK\x1b\\", b"\x1b[?2004;1$y", b"\x1bq", b"x", b"\r", b"\xc3\xa9", b"\x1b[A", b"\x1b[27u",
]  # fmt: skip


def keys(*pieces: bytes) -> list[PlayKey]:
    reader = KeyReader()
    return [key for piece in pieces for key in reader.feed(piece)]


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (b" ", PlayKey.PAUSE), (b".", PlayKey.STEP), (b"[", PlayKey.PREVIOUS_MARKER), (b"]", PlayKey.NEXT_MARKER),
        (b"\x1b[D", PlayKey.BACK), (b"\x1bOD", PlayKey.BACK), (b"\x1b[C", PlayKey.FORWARD), (b"+", PlayKey.FASTER),
        (b"=", PlayKey.FASTER), (b"-", PlayKey.SLOWER), (b"n", PlayKey.NEXT_HIT), (b"N", PlayKey.PREVIOUS_HIT),
        (b"q", PlayKey.QUIT), (b"\x03", PlayKey.INTERRUPT),
    ],
)  # fmt: skip
def test_keys(typed: bytes, key: PlayKey) -> None:
    assert keys(typed) == [key]
    assert keys(*(bytes([byte]) for byte in typed)) == [key]


@pytest.mark.parametrize("sent", SENT)
def test_what_a_terminal_sends_is_no_key(sent: bytes) -> None:
    assert keys(sent) == []
    assert keys(sent + b"q") == [PlayKey.QUIT]


@given(st.lists(st.sampled_from([*SENT, b"q", b" ", b"\x1b[C"]), max_size=12), st.data())
def test_it_does_not_matter_how_it_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert keys(*pieces) == keys(whole)
    known = {b"q": PlayKey.QUIT, b" ": PlayKey.PAUSE, b"\x1b[C": PlayKey.FORWARD}
    assert keys(whole) == [known[part] for part in parts if part in known]


def test_an_escape_alone_is_forgotten() -> None:
    reader = KeyReader()
    assert reader.feed(b"\x1b") == []
    reader.settle()
    assert reader.feed(b"q") == [PlayKey.QUIT]


def test_what_never_ends_is_not_kept() -> None:
    reader = KeyReader()
    for _ in range(100):
        reader.feed(b"\x1b]" + b"x" * 1000)
        assert len(reader._held) <= MAX_HELD
