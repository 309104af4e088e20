"""The output log: offsets, bounds, trimming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.model.byte_log import SMALL, ByteLog


def test_reads_from_any_offset_still_held() -> None:
    log = ByteLog(window=100)
    log.append(b"hello ")
    log.append(b"world")
    assert (log.start, log.end) == (0, 11)
    assert log.read(offset=0, size=5) == b"hello"
    assert log.read(offset=6, size=100) == b"world"
    assert log.read(offset=11, size=1) == b""


def test_trimming_forgets_and_keeps_the_numbers() -> None:
    log = ByteLog(window=100)
    log.append(b"0123456789")
    log.trim(offset=4)
    assert (log.start, log.end) == (4, 10)
    assert log.read(offset=4, size=2) == b"45"
    with pytest.raises(ValueError, match="left the window"):
        log.read(offset=3, size=1)


@pytest.mark.parametrize("offset", [-1, 3, 11])
def test_trims_only_within_the_window(offset: int) -> None:
    log = ByteLog(window=100)
    log.append(b"0123456789")
    log.trim(offset=4)
    with pytest.raises(ValueError, match="not an offset"):
        log.trim(offset=offset)


def test_is_full_at_its_window_and_has_room_at_half_of_it() -> None:
    log = ByteLog(window=10)
    log.append(b"x" * 9)
    assert (log.is_full, log.has_room) == (False, False)
    log.append(b"x")
    assert (log.is_full, log.has_room) == (True, False)
    log.trim(offset=4)
    assert (log.is_full, log.has_room) == (False, False)
    log.trim(offset=5)
    assert (log.is_full, log.has_room) == (False, True)


def test_small_pieces_are_put_together() -> None:
    log = ByteLog(window=100_000)
    for number in range(10_000):
        log.append(bytes((number % 251,)))
    assert len(log._pieces) == -(-10_000 // SMALL)
    assert log.read(offset=0, size=10_000) == bytes(number % 251 for number in range(10_000))


def test_a_large_piece_is_handed_out_as_it_came() -> None:
    log, piece = ByteLog(window=100_000), bytes(SMALL + 1)
    log.append(b"before")
    log.append(piece)
    assert log.read(offset=6, size=100_000) is piece


PIECES = st.binary(max_size=20) | st.integers(SMALL - 2, SMALL + 2).map(bytes)


@given(st.lists(st.tuples(PIECES, st.integers(0, 30), st.integers(0, 9000))))
def test_holds_what_a_plain_string_would(steps: list[tuple[bytes, int, int]]) -> None:
    log = ByteLog(window=1000)
    everything = b""
    for data, trim, size in steps:
        log.append(data)
        everything += data
        log.trim(offset=min(log.start + trim, log.end))
        for offset in {log.start, (log.start + log.end) // 2, max(log.start, log.end - 1), log.end}:
            assert log.read(offset=offset, size=size) == everything[offset : offset + size]
        assert log.end == len(everything)
