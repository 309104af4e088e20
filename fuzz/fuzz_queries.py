"""Fuzz the filter of questions: any split gives the same, nothing is left to take out, and little is held back.

The first byte of the input says in what pieces the rest is fed.
"""

from whale.client.queries import QueryFilter
from whale.client.questions import MAX_HELD

SEEDS: list[bytes] = [
    b"\x01text \x1b[31mred\x1b[m \x1b[6n\x1b[c\x1b[>c\x1b[?2026$p\x1b[14t\x1b[>q\x1b[?u\x1bZ\x05",
    b"\x02\x1b]11;?\x07\x1b]4;1;?;2;#fff\x1b\\\x1b]52;c;?\x07\x1b]52;c;QUJD\x07\x1b]8;;http://x/?\x1b\\link",
    b"\x03\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1bP1;2|ab\x1b\\\x1b_Ga=q,i=1;AAAA\x1b\\\x1b_Ga=T;AAAA\x1b\\",
    b"\x05\xc2\x9b6n\xc2\x9d11;?\xc2\x9c\xc2\xa9\xc3\xa9\xe6\xbc\xa2\xc2\x1b[6n\x9b6n",
    b"\x07\x1b\x1b[6n[6n\x1b[3\x1b[6n1m\x1b(\x1b[cB\x1b]2;ti\x1b[6ntle\x07",
    b"\x01\x1b[6\n\r\x08n\x1b[" + b"1;" * 40 + b"m\x1b]21;foreground=?;1=red\x07\x1bX\x1b[6n\x1b\\",
    b"\x04\x1b]4;" + b"1;#fff;" * (MAX_HELD // 7),
]


def fuzz_one(data: bytes) -> None:
    """Filter one output, whole and in pieces, and what is left once more."""
    size, output = (data[0] or 1) if data else 1, data[1:]
    whole = QueryFilter()
    passed = whole.feed(output) + whole.finish()
    assert len(passed) <= 3 * len(output), "grew"
    assert _in_pieces(output, size) == passed, f"pieces of {size} bytes give something else"
    again = QueryFilter()
    assert again.feed(passed) + again.finish() == passed, "something was left"


def _in_pieces(output: bytes, size: int) -> bytes:
    query_filter = QueryFilter()
    passed = b""
    fed = 0
    for start in range(0, len(output), size):
        piece = output[start : start + size]
        fed += len(piece)
        passed += query_filter.feed(piece)
    return passed + query_filter.finish()
