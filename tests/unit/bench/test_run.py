import pytest

from bench.bed import Bed
from bench.model import BenchError, Result, Samples
from bench.run import BENCHMARKS, measure, parse
from scripts.provision.api import EngineApi

ENGINE = EngineApi("unix:///nowhere")


def test_a_part_of_the_benchmarks_can_be_chosen() -> None:
    assert parse(["--only", "echo", "--only", "exec_true"]).only == ["echo", "exec_true"]
    assert parse([]).only is None


@pytest.mark.parametrize("other", [["--quick"], ["--only", "echo"], ["--profile"]])
def test_only_whole_and_honest_runs_are_published(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--publish", *other])
    assert "published" in capsys.readouterr().err


def test_what_can_not_be_measured_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    good = Result("good", "Good", "ms", {"whale": Samples((1.0,))})

    def fail(bed: Bed) -> Result:
        raise BenchError("no docker")

    monkeypatch.setitem(BENCHMARKS, "bad", fail)
    monkeypatch.setitem(BENCHMARKS, "good", lambda bed: good)
    with Bed(ENGINE, quick=True) as bed:
        results, failures = measure(bed, ["bad", "good"])
    assert results == [good]
    assert [(failure.name, failure.reason) for failure in failures] == [("bad", "no docker")]
