"""The log against a simple model: bytes in a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.session.ring import RingLog

CAPACITY = 24


def new_log(*, window: int = 8, start: int = 0, end: int = 0) -> RingLog:
    note = memoryview(bytearray(8)).cast("Q")
    note[0] = start
    return RingLog(memoryview(bytearray(CAPACITY)), window=window, note=note, end=end)


@given(st.lists(st.tuples(st.integers(0, CAPACITY), st.integers(0, CAPACITY), st.integers(0, CAPACITY))))
def test_it_holds_what_was_added_and_not_trimmed(steps: list[tuple[int, int, int]]) -> None:
    log, whole = new_log(), b""
    for add, trim, read in steps:
        data = bytes((len(whole) + number) % 251 for number in range(add))
        if log.fits(add):
            log.append(data)
            whole += data
        else:
            with pytest.raises(ValueError, match="full"):
                log.append(data)
        log.trim(offset=min(log.end, log.start + trim))
        assert log.end == len(whole)
        assert log.read(offset=log.start, size=CAPACITY) == whole[log.start :]
        at = min(log.end, log.start + read)
        assert log.read(offset=at, size=3) == whole[at : at + 3]


def test_full_is_what_somebody_needs() -> None:
    log = new_log(window=8)
    log.append(b"x" * 8)
    assert (log.is_full, log.has_room) == (True, False)
    log.needed = 4
    assert (log.is_full, log.has_room) == (False, True)
    assert log.read(offset=0, size=1) == b"x", "what nobody needs is still there"


def test_a_later_process_goes_on_with_the_memory() -> None:
    memory, note = memoryview(bytearray(CAPACITY)), memoryview(bytearray(8)).cast("Q")
    first = RingLog(memory, window=8, note=note)
    first.append(b"0123456789abcdefghij")
    first.trim(offset=15)
    first.append(b"KLMNOPQRSTUV")
    second = RingLog(memory, window=8, note=note, end=first.end)
    assert (second.start, second.needed) == (15, 15)
    assert second.read(offset=15, size=100) == b"fghijKLMNOPQRSTUV"


@pytest.mark.parametrize("offset", [4, 11])
def test_only_what_is_held_can_be_trimmed_and_read(offset: int) -> None:
    log = new_log()
    log.append(b"x" * 10)
    log.trim(offset=5)
    with pytest.raises(ValueError, match="window"):
        log.trim(offset=offset)
    with pytest.raises(ValueError, match="left"):
        log.read(offset=4, size=1)
