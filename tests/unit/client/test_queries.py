"""Queries are taken out, everything else passes, and it makes no difference in which pieces it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.client.queries import MAX_HELD, QueryFilter

QUERIES = [
    b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=c", b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n", b"\x1b[?2004$p", b"\x1b[4$p",
    b"\x1b[x", b"\x1b[11t", b"\x1b[14t", b"\x1b[18t", b"\x1b[21t", b"\x1b[>q", b"\x1b[>0q", b"\x1b[?u", b"\x1b[?4m",
    b"\x1b[?1;1;0S", b"\x1b[1;1;1;1;9;9*y", b"\x1b[1$w", b"\x1b]11;?\x07", b"\x1b]10;?\x1b\\", b"\x1b]4;1;?\x07",
    b"\x1b]52;c;?\x07", b"\x1b]21;foreground=?\x1b\\", b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\",
    b"\x1b_Gi=1,a=q,s=1;AAAA\x1b\\", b"\x1bZ", b"\x05",
]  # fmt: skip
OTHERS = [
    b"text", "schön ∑".encode(), b"\r\n\t\x08", b"\x1b[31m", b"\x1b[2J\x1b[H", b"\x1b[?1c", b"\x1b[8;24;80t",
    b"\x1b[1u", b"\x1b[>1u", b"\x1b[2 q", b"\x1b[!p", b"\x1b[10S", b"\x1b]0;what?\x07", b"\x1b(B", b"\x1b=",
    b"\x1b]8;;http://x?y=?z\x1b\\link", b"\x1b]52;c;YQ==\x07", b"\x1bPq#0~\x1b\\", b"\x1b_Ga=T,s=1;AAAA\x1b\\",
    b"\x1b7\x1b8", b"\x1b[22;0t",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=repr)
def test_a_query_is_gone(query: bytes) -> None:
    queries = QueryFilter()
    assert queries.feed(b"before" + query + b"after") == b"beforeafter"
    assert queries.held == 0


@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_everything_else_passes(other: bytes) -> None:
    queries = QueryFilter()
    assert queries.feed(other) + queries.finish() == other


@given(st.lists(st.sampled_from([*QUERIES, *OTHERS])), st.lists(st.integers(1, 9), min_size=1))
def test_pieces_make_no_difference(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts)
    queries, shown, at, turn = QueryFilter(), b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        shown += queries.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert shown + queries.finish() == b"".join(part for part in parts if part in OTHERS)


@given(st.binary())
def test_any_bytes_are_shown_or_held(data: bytes) -> None:
    queries = QueryFilter()
    shown = queries.feed(data)
    assert len(shown) + queries.held <= len(data)
    assert queries.held <= MAX_HELD


def test_what_never_ends_is_not_held_for_ever() -> None:
    queries = QueryFilter()
    endless = b"\x1b]11;" + b"x" * 100_000
    assert queries.feed(endless) == endless
    assert queries.held == 0
