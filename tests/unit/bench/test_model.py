import pytest

from bench.model import Bar, Result, Samples, pairwise_ratio


def test_samples_say_their_middle_and_their_ends() -> None:
    samples = Samples((3.0, 1.0, 10.0))
    assert (samples.median, samples.least, samples.most) == (3.0, 1.0, 10.0)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50.0), (99, 99.0), (99.5, 100.0), (100, 100.0), (0, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert Samples(tuple(float(n) for n in range(100, 0, -1))).percentile(percent) == expected


def test_a_p99_is_only_told_where_there_are_enough_values() -> None:
    assert "p99" not in Samples((1.0,) * 99).record()
    assert Samples((1.0,) * 100).record()["p99"] == 1.0


def test_a_ratio_is_taken_within_the_pairs() -> None:
    # The machine was three times slower in the second half; whale took twice as long throughout.
    assert pairwise_ratio([2, 2, 6, 6], [1, 1, 3, 3]) == 2


def test_one_odd_pair_does_not_move_a_ratio() -> None:
    assert pairwise_ratio([1, 100, 1], [1, 1, 1]) == 1


def test_values_without_their_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        pairwise_ratio([1], [1, 2])


@pytest.mark.parametrize(
    ("value", "at_most", "met"),
    [(1.9, True, True), (2.0, True, True), (2.1, True, False), (2.0, False, True), (1.9, False, False)],
)
def test_a_bar_is_met_on_its_right_side(value: float, at_most: bool, met: bool) -> None:
    bar = Bar("what", "", value, 2.0, "×", at_most)
    assert bar.met is met
    assert bar.record()["met"] is met


def test_a_result_records_its_paths_and_bars() -> None:
    bar = Bar("what", "docker exec", 1.5, 2.0, "×", True)
    result = Result("echo", "Echo", "µs", {"whale": Samples((1.0,))}, (bar,), {"sessions": 3})
    record = result.record()
    assert record["samples"] == {"whale": {"count": 1, "min": 1.0, "median": 1.0, "max": 1.0}}
    assert record["bars"][0]["against"] == "docker exec"
    assert record["facts"] == {"sessions": 3}
