import pytest

from bench.model import BenchError, Samples
from bench.rounds import Progress, interleave, ratio_bar


def test_paths_take_turns_and_the_warm_up_is_thrown_away() -> None:
    calls: list[str] = []

    def take(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = interleave("x", {"a": lambda: take("a"), "b": lambda: take("b")}, rounds=2, warm_up=1)
    assert "".join(calls) == "ababab"
    assert found == {"a": Samples((3.0, 5.0)), "b": Samples((4.0, 6.0))}


def test_a_path_that_fails_ends_the_benchmark() -> None:
    def fail() -> float:
        raise BenchError("no")

    with pytest.raises(BenchError):
        interleave("x", {"a": fail}, rounds=1)


def test_a_bar_needs_the_path_it_compares_with() -> None:
    samples = {"whale": Samples((2.0,)), "docker exec": Samples((1.0,))}
    (bar,) = ratio_bar("what", samples, "docker exec", 1.5, at_most=True)
    assert (bar.value, bar.met) == (2.0, False)
    assert ratio_bar("what", samples, "ssh docker exec", 1.5, at_most=True) == []


def test_the_last_round_is_always_told(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("echo", 2)
    progress.at(1)
    progress.at(2)
    assert capsys.readouterr().err == "whale: echo: round 2 of 2\n"
