"""One run as a document: JSON for programs, and the part of docs/benchmarks.md that is written by it. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.model import BenchError, Failure, Result
from bench.table import markdown, markdown_report

BEGIN = "<!-- begin: written by `make bench ARGS=--publish` -->"
END = "<!-- end -->"


def to_json(
    machine: Mapping[str, str],
    results: Sequence[Result],
    failures: Sequence[Failure],
    notes: Sequence[str],
    *,
    quick: bool,
) -> str:
    """The whole run. `quick` is in it because nobody should believe such figures later."""
    found: dict[str, Any] = {
        "machine": dict(machine),
        "quick": quick,
        "results": {result.name: result.record() for result in results},
        "not_measured": {failure.name: failure.reason for failure in failures},
        "notes": list(notes),
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def to_markdown(machine: Mapping[str, str], results: Sequence[Result], notes: Sequence[str]) -> str:
    """What stands between the marks: the tables, and what they were measured on."""
    rows = [(name, value) for name, value in machine.items() if value]
    return f"{markdown_report(results, notes)}\n\n### Machine and versions\n\n{markdown(('', ''), rows)}"


def put_between_marks(page: str, text: str) -> str:
    """The page with another text between its marks. Raises `BenchError` for a page that has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError("the page has no place for the results")
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"
