"""Decisions cost what they may, with much room for slow machines: ten times the bars."""

from bench.decisions import Cost, lists, percentile, rules, single


def test_one_decision_among_a_thousand_policies() -> None:
    costs = single(rules(1000), 5, rounds=200)
    assert percentile(costs, 0.99).processor < 0.040


def test_a_list_of_a_thousand_containers() -> None:
    first, *others = lists(rules(100), 5, containers=1000, rounds=4)
    assert first.processor < 3.5
    assert percentile(others, 0.5).processor < 0.300
    assert percentile(others, 0.5).processor < first.processor / 5, "what did not change is not decided again"


def test_percentiles() -> None:
    costs = [Cost(float(n), float(-n)) for n in range(101)]
    assert percentile(costs, 0.5) == (50.0, -50.0)
    assert percentile(costs, 0.99) == (99.0, -1.0)
    assert str(Cost(0.0015, 0.002)).strip() == "1.50 ms  (2.00 by the clock)"
