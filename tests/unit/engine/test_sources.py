from hypothesis import given
from hypothesis import strategies as st

from whale.engine.sources import Sources


def test_input_leaves_in_order() -> None:
    sources = Sources()
    sources.accept(1, 10)
    sources.accept(2, 5)
    sources.accept(1, 10)
    sources.settle(pending=18)
    assert [sources.delivered(source) for source in (0, 1, 2)] == [0, 7, 0]
    sources.settle(pending=11)
    assert [sources.delivered(source) for source in (1, 2)] == [10, 4]
    sources.settle(pending=0)
    assert [sources.delivered(source) for source in (1, 2)] == [20, 5]


def test_what_is_pending_of_nobodys_takes_nothing_back() -> None:
    sources = Sources()
    sources.accept(0, 5)
    sources.settle(pending=0)
    sources.settle(pending=3)
    assert sources.delivered(0) == 5


@given(steps=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 50), st.integers(0, 99)), max_size=30))
def test_counts_are_those_of_the_bytes(steps: list[tuple[int, int, int]]) -> None:
    sources, accepted = Sources(), b""
    for source, size, pending in steps:
        sources.accept(source, size)
        accepted += bytes([source]) * size
        # More has never left than before.
        sources.settle(pending=min(pending, size))
        gone = accepted[: len(accepted) - min(pending, size)]
        assert all(sources.delivered(s) >= gone.count(s) for s in range(16))
    sources.settle(pending=0)
    assert [sources.delivered(s) for s in range(16)] == [accepted.count(s) for s in range(16)]
