"""Fuzz the keys of a player: any split gives the same ones, and little is held back.

The first byte of the input says in what pieces the rest is fed.
"""

from whale.client.keys import MAX_HELD, KeyReader, PlayKey

SEEDS: list[bytes] = [
    b"\x01 .[]+-=q\x03\x1b[D\x1bOC",
    b"\x02\x1b[<0;10;20M\x1b[M q[\x1b[I\x1b]11;rgb:q/q/q\x07\x1b]10;.\x1b\\\x1b[?62;c\x1b[12;40R",
    b"\x03\x1bP1$r0q\x1b\\\x1b[200~q\x1b[201~\x1b_Gq;OK\x1b\\\x1bqx\xc3\xa9",
]


def fuzz_one(data: bytes) -> None:
    """Read one input, whole and in pieces."""
    size, typed = (data[0] or 1) if data else 1, data[1 : MAX_HELD + 1]
    whole, reader, found = KeyReader().feed(typed), KeyReader(), list[PlayKey]()
    for start in range(0, len(typed), size):
        found += reader.feed(typed[start : start + size])
        assert len(reader._held) <= MAX_HELD
    assert found == whole, f"pieces of {size} bytes give something else"
