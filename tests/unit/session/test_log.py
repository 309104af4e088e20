"""The output log: offsets, bounds, trimming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.session.log import OutputLog


def test_reads_from_any_offset_still_held() -> None:
    log = OutputLog(window=100)
    log.append(b"hello ")
    log.append(b"world")
    assert (log.start, log.end) == (0, 11)
    assert log.read(offset=0, size=5) == b"hello"
    assert log.read(offset=6, size=100) == b"world"
    assert log.read(offset=11, size=1) == b""


def test_trimming_forgets_and_keeps_the_numbers() -> None:
    log = OutputLog(window=100)
    log.append(b"0123456789")
    log.trim(offset=4)
    assert (log.start, log.end) == (4, 10)
    assert log.read(offset=4, size=2) == b"45"
    with pytest.raises(ValueError, match="left the window"):
        log.read(offset=3, size=1)


@pytest.mark.parametrize("offset", [-1, 3, 11])
def test_trims_only_within_the_window(offset: int) -> None:
    log = OutputLog(window=100)
    log.append(b"0123456789")
    log.trim(offset=4)
    with pytest.raises(ValueError, match="not an offset"):
        log.trim(offset=offset)


def test_is_full_at_its_window_and_has_room_at_half_of_it() -> None:
    log = OutputLog(window=10)
    log.append(b"x" * 9)
    assert (log.is_full, log.has_room) == (False, False)
    log.append(b"x")
    assert (log.is_full, log.has_room) == (True, False)
    log.trim(offset=4)
    assert (log.is_full, log.has_room) == (False, False)
    log.trim(offset=5)
    assert (log.is_full, log.has_room) == (False, True)


@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 30), st.integers(0, 30))))
def test_holds_what_a_plain_string_would(steps: list[tuple[bytes, int, int]]) -> None:
    log = OutputLog(window=1000)
    everything = b""
    for data, trim, size in steps:
        log.append(data)
        everything += data
        log.trim(offset=min(log.start + trim, log.end))
        assert log.read(offset=log.start, size=size) == everything[log.start : log.start + size]
        assert log.end == len(everything)
