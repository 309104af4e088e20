"""What of the input is recorded, and what may go on to the command."""

from whale.session.journal import Entry, Kind
from whale.session.recorded_input import RecordedInput


def typed(data: bytes, offset: int, source: int = 0) -> Entry:
    return Entry(Kind.INPUT, 0, offset, source, data)


def test_what_waits_goes_on_in_order_when_it_is_written() -> None:
    waiting = RecordedInput()
    for number, piece in enumerate((b"a", b"b", b"c")):
        assert waiting.add(typed(piece, number + 1)).data == piece
    assert [each.data for each in waiting.take(2)] == [b"a", b"b"]
    assert waiting.waiting == 1


def test_what_an_earlier_server_recorded_is_not_recorded_again_and_goes_on() -> None:
    earlier = RecordedInput()
    earlier.add(typed(b"12345", 5))
    earlier.add(typed(b"1234567", 7, source=3))
    waiting = RecordedInput()
    waiting.resume({**earlier.position, "stdin": 12, "journal": 9})
    assert [waiting.unrecorded(0, 3, end) for end in (3, 5, 6, 8, 20)] == [0, 0, 1, 3, 3]
    assert waiting.add(typed(b"3456", 6)).data == b"6"
    assert waiting.add(typed(b"7", 7)).data == b"7"
    assert waiting.add(typed(b"67", 7, source=3)).data == b""
    assert waiting.add(typed(b"new", 3, source=1)).data == b"new"
    assert b"".join(each.data for each in waiting.take(4)) == b"3456767new"
    assert waiting.position == {"input.0": 7, "input.3": 7, "input.1": 3}


def test_a_place_that_is_somebody_elses_begins_anew() -> None:
    waiting = RecordedInput()
    waiting.resume({"input.2": 100})
    waiting.begin(2)
    waiting.begin(5)
    assert waiting.add(typed(b"x", 41, source=2)).data == b"x"
