from pathlib import Path

from bench.model import Bar, Result, Samples
from bench.picture import draw, rows

RESULT = Result(
    "x",
    "X",
    "ms",
    {"whale": Samples((1.0,))},
    (
        Bar("`whale exec`", "docker exec", 1.0, 2.0, "×", True),
        Bar("output", "docker exec", 0.4, 0.8, "×", False),
        Bar("nothing", "", 0, 10, "shells", False),
    ),
)


def test_less_is_always_better() -> None:
    shown = rows([RESULT])
    assert [row.share for row in shown] == [0.5, 2.0, float("inf")]
    assert [row.met for row in shown] == [True, False, False]
    assert shown[0].label == "whale exec\nagainst docker exec"
    assert shown[1].text == "0.4 ×  (≥ 0.8 ×)"


def test_the_same_results_give_the_same_picture(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw([RESULT], tmp_path / name)
    first = (tmp_path / "a.svg").read_bytes()
    assert first.startswith(b"<?xml")
    assert b"whale exec" in first
    assert first == (tmp_path / "b.svg").read_bytes()
