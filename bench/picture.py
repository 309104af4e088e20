"""The bars of a run as a picture: how much of what each bar allows was used."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.model import Bar, Result
from bench.table import limit_text, number

_MET, _MISSED, _LINE = "#2a78b5", "#c8553d", "#333333"
_MOST_SHOWN = 2.0


class Row(NamedTuple):
    """One bar of the picture."""

    label: str
    share: float
    """Of what the bar allows: up to 1 is met. A bar that asks for more is turned round, so that less is better."""
    text: str
    met: bool


def rows(results: Sequence[Result]) -> list[Row]:
    """What the picture shows, from top to bottom."""
    return [_row(bar) for result in results for bar in result.bars]


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture as SVG, the same file for the same results."""
    import matplotlib as mpl

    mpl.use("svg")
    # Text stays text, and identifiers don't change from run to run.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "whale", "font.size": 10}):
        import matplotlib.pyplot as plt

        shown = rows(results)
        figure, axes = plt.subplots(figsize=(9, 0.55 * len(shown) + 1.2), layout="constrained")
        _fill(axes, shown)
        figure.savefig(path, format="svg", metadata={"Date": None})
        plt.close(figure)
    path.write_text(re.sub(r"[ \t]+$", "", path.read_text(), flags=re.MULTILINE))


def _fill(axes: Any, shown: Sequence[Row]) -> None:
    places = range(len(shown), 0, -1)
    colours = [_MET if row.met else _MISSED for row in shown]
    axes.barh(places, [min(row.share, _MOST_SHOWN) for row in shown], color=colours, height=0.6)
    axes.axvline(1, color=_LINE, linewidth=1.2)
    for place, row in zip(places, shown, strict=True):
        axes.text(min(row.share, _MOST_SHOWN) + 0.02, place, row.text, va="center")
    axes.set_yticks(list(places), [row.label for row in shown])
    axes.set_xlim(0, max(1.35, *(min(row.share, _MOST_SHOWN) + 0.5 for row in shown)))
    axes.set_xticks([0, 0.5, 1], ["0", "half", "the bar"])
    axes.set_title("whale against its bars: what lies left of the line is met", loc="left", fontsize=11)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _row(bar: Bar) -> Row:
    share = bar.value / bar.limit if bar.at_most else bar.limit / bar.value if bar.value else float("inf")
    against = f"\nagainst {bar.against}" if bar.against else ""
    return Row(
        f"{bar.what.replace('`', '')}{against}", share, f"{number(bar.value)} {bar.unit}  ({limit_text(bar)})", bar.met
    )
