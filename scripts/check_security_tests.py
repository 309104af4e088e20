"""Hold docs/security-tests.md to the tests: each one that is named is there, and no row is missing or there twice.

`python -m scripts.check_security_tests` prints what is wrong and exits 1.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.generated import ROOT

PAGE = ROOT / "docs" / "security-tests.md"
TESTS = ROOT / "tests"

ROWS = {"W": 14, "T": 7, "F": 6, "R": 9, "I": 8}
"""How many rows there are: web entrance, terminal, files, engine and runtime, identity."""

_ROW = re.compile(r"\| ([A-Z]\d+) \|")
_TEST = re.compile(r"`([^`]+\.py)::(\w+)`")


def wanted() -> list[str]:
    """The ids of all rows, those included that do not apply yet."""
    return [f"{letter}{number}" for letter, count in ROWS.items() for number in range(1, count + 1)]


def names_of(source: str) -> set[str]:
    """The names of the tests in a file."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def problems(page: str, read: Callable[[str], str | None]) -> Iterator[str]:
    """What is wrong with the page, one line each; `read` returns a test file, or None where there is none."""
    found: list[str] = []
    held, _, missing = page.partition("\n## Not there yet\n")
    for part, needs_tests in ((held, True), (missing, False)):
        for line in part.splitlines():
            row = _ROW.match(line)
            if row is None:
                continue
            found.append(row[1])
            named = _TEST.findall(line)
            if needs_tests and not named:
                yield f"{row[1]}: names no test"
            for file, test in named:
                source = read(file)
                if source is None:
                    yield f"{row[1]}: there is no tests/{file}"
                elif test not in names_of(source):
                    yield f"{row[1]}: there is no {test} in tests/{file}"
    for id in wanted():
        if found.count(id) != 1:
            yield f"{id}: is there {found.count(id)} times"
    for id in sorted(set(found) - set(wanted())):
        yield f"{id}: is no row"


def read_test(file: str) -> str | None:
    """Read a test file by its path below tests/."""
    path = TESTS / file
    return path.read_text() if path.is_file() else None


def main(page: Path = PAGE) -> int:
    found = list(problems(page.read_text(), read_test))
    print("\n".join(found) or "docs/security-tests.md names tests that are there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
