"""Results as text: a table for the terminal and the same as Markdown. Pure."""

from collections.abc import Iterable, Sequence

from bench.model import Bar, Failure, Result

_BARS_HEAD = ("what", "compared with", "bar", "measured", "")
_SAMPLES_HEAD = ("benchmark", "path", "median", "min", "max", "p99", "unit")


def number(value: float) -> str:
    """A number with three digits that count, and no more than people read."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def limit_text(bar: Bar) -> str:
    """The bar itself: `≤ 2.0 ×`."""
    return f"{'≤' if bar.at_most else '≥'} {bar.limit:g} {bar.unit}"


def bar_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """One row per bar."""
    return [
        (
            bar.what,
            bar.against or "–",
            limit_text(bar),
            f"{number(bar.value)} {bar.unit}",
            "met" if bar.met else "MISSED",
        )
        for result in results
        for bar in result.bars
    ]


def sample_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """One row per path of each benchmark."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        for path, samples in result.samples.items():
            tail = number(samples.percentile(99)) if len(samples.values) >= 100 else ""
            figures = (number(samples.median), number(samples.least), number(samples.most), tail)
            rows.append((result.name, path, *figures, result.unit))
    return rows


def fact_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """One row per figure that has a name of its own."""
    return [
        (result.name, name, value if isinstance(value, str) else number(value))
        for result in results
        for name, value in result.facts.items()
    ]


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a terminal, columns aligned."""
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    lines = [head, ["─" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def terminal_report(results: Sequence[Result], failures: Sequence[Failure], notes: Sequence[str]) -> str:
    """All that was found, for the terminal."""
    parts = [columns(_SAMPLES_HEAD, sample_rows(results))] if results else []
    if facts := fact_rows(results):
        parts.append(columns(("benchmark", "figure", "value"), facts))
    if bars := bar_rows(results):
        parts.append(columns(_BARS_HEAD, bars))
    parts += [f"note: {note}" for note in notes]
    parts += [f"NOT MEASURED: {failure.name}: {failure.reason}" for failure in failures]
    return "\n\n".join(parts)


def markdown_report(results: Sequence[Result], notes: Sequence[str]) -> str:
    """All that was found, for the documentation."""
    parts = [markdown(_BARS_HEAD, bar_rows(results)), "### All paths", markdown(_SAMPLES_HEAD, sample_rows(results))]
    if facts := fact_rows(results):
        parts += ["### Further figures", markdown(("benchmark", "figure", "value"), facts)]
    if notes:
        parts += ["### Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts)
