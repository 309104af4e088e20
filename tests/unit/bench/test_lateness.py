from bench.lateness import Schedule

SECOND = 1_000_000_000
DUE = 100 * SECOND
PIECE = 1000


def piece(number: int, due: int) -> bytes:
    return (number.to_bytes(8, "big") + due.to_bytes(8, "big")).ljust(PIECE, b"\0")


def schedule() -> Schedule:
    """Ten pieces a second."""
    return Schedule(rate=10_000, piece=PIECE)


def test_pieces_on_time_are_not_late() -> None:
    stream = schedule()
    for number in range(20):
        due = DUE + number * SECOND // 10
        stream.arrived([piece(number, due)], due + 1000)
    assert stream.latest == 1000
    assert stream.messages == 20


def test_the_latest_piece_counts() -> None:
    stream = schedule()
    stream.arrived([piece(0, DUE)], DUE)
    stream.arrived([piece(1, 0)], DUE + 2 * SECOND)
    stream.arrived([piece(2, 0)], DUE + SECOND // 5)
    assert stream.latest == 1.9 * SECOND


def test_of_several_pieces_in_one_message_the_oldest_waited_longest() -> None:
    stream = schedule()
    stream.arrived([piece(0, DUE) + piece(1, 0) + piece(2, 0)], DUE + SECOND)
    assert stream.latest == SECOND


def test_a_piece_has_come_when_its_last_byte_has() -> None:
    stream, whole = schedule(), piece(0, DUE)
    stream.arrived([whole[:-1]], DUE + 5)
    assert stream.latest == 0
    stream.arrived([whole[-1:]], DUE + 7)
    assert stream.latest == 7


def test_a_stamp_may_come_in_parts() -> None:
    stream, whole = schedule(), piece(0, DUE)
    for index in range(PIECE):
        stream.arrived([whole[index : index + 1]], DUE + 9)
    assert stream.latest == 9


def test_what_has_not_come_is_late_too() -> None:
    stream = schedule()
    stream.arrived([piece(0, DUE)], DUE)
    stream.looked(DUE + 3 * SECOND)
    assert stream.latest == 2.9 * SECOND


def test_a_stream_that_never_began_can_not_be_judged() -> None:
    stream = schedule()
    stream.looked(DUE)
    assert stream.latest == 0


def test_lateness_before_the_beginning_is_forgotten_but_not_the_schedule() -> None:
    stream = schedule()
    stream.arrived([piece(0, DUE)], DUE + 5 * SECOND)
    stream.begin()
    stream.arrived([piece(1, 0)], DUE + SECOND // 10 + 3)
    assert (stream.latest, stream.messages) == (3, 1)
