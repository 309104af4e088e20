"""So many in a second count for themselves, and nothing is forgotten."""

from whale.broker.allowance import Allowance


def test_what_is_over_is_counted_with_the_next() -> None:
    allowance = Allowance(3)
    assert [allowance.take(10.0 + number / 10) for number in range(5)] == [1, 1, 1, 0, 0]
    assert [allowance.take(11.0 + number / 10) for number in range(5)] == [3, 1, 1, 0, 0]
    assert allowance.take(60.0) == 3


def test_all_are_counted_once() -> None:
    allowance = Allowance(7)
    assert sum(allowance.take(number / 50) for number in range(1000)) + allowance.take(10_000.0) == 1001
