import random

import pytest

from whale.model.limits import JOURNAL
from whale.session import journal as module
from whale.session.journal import SIZE, Entry, Journal, Kind


class Clock:
    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def monotonic_ns(self) -> int:
        return self.ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def memory() -> memoryview:
    return memoryview(bytearray(SIZE))


@pytest.fixture
def journal(memory: memoryview, clock: Clock) -> Journal:
    journal = Journal(memory)
    journal.begin()
    return journal


def _entries(journal: Journal, offset: int = 0) -> list[Entry]:
    return [entry for _, entry in journal.entries(offset)]


def test_what_happened_is_there_in_order(journal: Journal, clock: Clock) -> None:
    clock.ns += 1_000_000
    assert journal.output(0, 10)
    clock.ns += 250_000_000
    assert journal.note(Kind.INPUT, b"ls\r", source=2, offset=3)
    assert journal.output(1, 7)
    assert _entries(journal) == [
        Entry(Kind.OUTPUT, 1, 10),
        Entry(Kind.INPUT, 251, 3, 2, b"ls\r"),
        Entry(Kind.ERROR_OUTPUT, 251, 7),
    ]


def test_the_next_server_has_it(journal: Journal, memory: memoryview, clock: Clock) -> None:
    journal.note(Kind.MARKER, b"x")
    clock.ns += 3_000_000_000
    other = Journal(memory)
    assert _entries(other) == _entries(journal)
    other.output(0, 5)
    assert _entries(other)[-1] == Entry(Kind.OUTPUT, 3000, 5)


def test_output_of_one_millisecond_is_one(journal: Journal, clock: Clock) -> None:
    for end in range(1, 100):
        journal.output(0, end)
    assert _entries(journal) == [Entry(Kind.OUTPUT, 0, 99)]
    clock.ns += 1_000_000
    journal.output(0, 100)
    journal.note(Kind.RESIZE, b"80x24")
    journal.output(0, 101)
    assert [entry.offset for entry in _entries(journal)] == [99, 100, 0, 101]


def test_what_was_taken_is_not_changed_any_more(journal: Journal) -> None:
    journal.output(0, 1)
    journal.trim(journal.end)
    journal.output(0, 2)
    assert _entries(journal) == [Entry(Kind.OUTPUT, 0, 2)]


def test_it_says_when_it_is_full_and_nothing_is_broken_then(journal: Journal) -> None:
    data, count = b"k" * 1000, 0
    while journal.fits(len(data)):
        assert journal.note(Kind.INPUT, data)
        count += 1
    assert journal.is_filling
    assert not journal.note(Kind.INPUT, data)
    assert count > JOURNAL // 1100
    assert _entries(journal) == [Entry(Kind.INPUT, 0, 0, 0, data)] * count


def test_it_goes_round(journal: Journal, clock: Clock) -> None:
    some = random.Random(1)
    expected: list[Entry] = []
    taken = 0
    for _ in range(20_000):
        clock.ns += some.choice((0, 1_000_000, 300_000))
        if some.random() < 0.5:
            data = some.randbytes(some.choice((0, 1, 30, 5000)))
            if journal.note(Kind.INPUT, data, source=3, offset=len(expected)):
                expected.append(Entry(Kind.INPUT, journal.now, len(expected), 3, data))
        if some.random() < 0.02:
            found = journal.entries(taken)
            assert [entry for _, entry in found] == expected
            taken = found[-1][0] if found else taken
            journal.trim(taken)
            expected.clear()
    assert journal.end > 5 * JOURNAL


def test_entries_say_where_they_end(journal: Journal) -> None:
    journal.note(Kind.MARKER, b"a")
    journal.note(Kind.MARKER, b"b")
    (behind_first, _), (behind_second, _) = journal.entries(0)
    assert _entries(journal, behind_first) == [Entry(Kind.MARKER, 0, 0, 0, b"b")]
    assert behind_second == journal.end
