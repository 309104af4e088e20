"""Hold each source file to be covered by its OWN unit test file, not by what happens to pass through it.

Reads the data of a run with scripts.pytest_contexts. Lines that run at import count for every file. Exits 1 with the
missing lines of each file below the floor.
"""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import coverage

from scripts.check_mirror import SOURCE, needs_test, test_of

FLOOR = 85.0
ROOT = Path(__file__).resolve().parents[1]
_AT_IMPORT = ""


class OwnCoverage(NamedTuple):
    """What one source file's own test file covers of it."""

    source: PurePosixPath
    statements: int
    missing: list[int]

    @property
    def percent(self) -> float:
        return 100.0 * (1 - len(self.missing) / self.statements) if self.statements else 100.0


def measure(source: PurePosixPath, statements: Collection[int], covered: Iterable[int]) -> OwnCoverage:
    """Compare a file's statements with the lines that its own test ran."""
    return OwnCoverage(source, len(statements), sorted(set(statements) - set(covered)))


def ranges(lines: Iterable[int]) -> str:
    """Line numbers as people write them: 3, 5-7."""
    runs: list[list[int]] = []
    for line in sorted(lines):
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def measure_all(data_file: Path) -> list[OwnCoverage]:
    """Measure every source file that is held to have a test file."""
    cover = coverage.Coverage(data_file=str(data_file))
    cover.load()
    data = cover.get_data()
    found = []
    for path in sorted((ROOT / SOURCE).rglob("*.py")):
        source = PurePosixPath(path.relative_to(ROOT))
        if needs_test(source):
            _, statements, _, _, _ = cover.analysis2(str(path))
            contexts = data.contexts_by_lineno(str(path))
            own = {_AT_IMPORT, str(test_of(source))}
            found.append(measure(source, statements, (line for line, by in contexts.items() if own & set(by))))
    return found


def main() -> int:
    data_file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".coverage"
    measured = measure_all(data_file)
    low = [entry for entry in measured if entry.percent < FLOOR]
    for entry in low:
        print(f"{entry.source}: {entry.percent:.0f} % by {test_of(entry.source)}; not run: {ranges(entry.missing)}")
    print(f"{len(measured) - len(low)} of {len(measured)} source files are covered {FLOOR:.0f} % by their own test")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
