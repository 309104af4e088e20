"""Hold tests/unit to the source tree: each source file has its own test file, and each test file its source.

`python -m scripts.check_mirror` prints what is missing and exits 1. Scripts, benchmarks and fuzzing may have tests,
which must then name a file of theirs; they need not.
"""

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

SOURCE = PurePosixPath("src/whale")
UNIT = PurePosixPath("tests/unit")
BESIDE = ("scripts", "bench", "fuzz")
"""Folders beside the source whose tests lie under their own name."""


def needs_test(source: PurePosixPath) -> bool:
    """Tell whether a source file is held to have a test file: not package markers, not database migrations."""
    return source.suffix == ".py" and source.name != "__init__.py" and "migrations" not in source.parts


def test_of(source: PurePosixPath) -> PurePosixPath:
    """The one test file that belongs to a source file."""
    inside = source.relative_to(SOURCE)
    return UNIT / inside.parent / f"test_{inside.name}"


def source_of(test: PurePosixPath) -> PurePosixPath:
    """The one file that a test file belongs to."""
    inside = test.relative_to(UNIT)
    name = inside.name.removeprefix("test_")
    top = PurePosixPath() if inside.parts[0] in BESIDE else SOURCE
    return top / inside.parent / name


def problems(files: Iterable[PurePosixPath]) -> list[str]:
    """What is wrong with a tree, one line each; `files` are paths relative to the project."""
    present = set(files)
    found = []
    for path in sorted(present):
        if path.is_relative_to(SOURCE) and needs_test(path) and test_of(path) not in present:
            found.append(f"{path}: has no test file of its own; add {test_of(path)}")
        if path.is_relative_to(UNIT) and path.name.startswith("test_") and source_of(path) not in present:
            found.append(f"{path}: tests nothing of its name; {source_of(path)} does not exist")
    return found


def tree(root: Path) -> list[PurePosixPath]:
    """All Python files that the mirror is about."""
    tops = (SOURCE, UNIT, *BESIDE)
    return [PurePosixPath(path.relative_to(root)) for top in tops for path in (root / top).rglob("*.py")]


def main() -> int:
    found = problems(tree(Path(__file__).resolve().parents[1]))
    print("\n".join(found) or "every source file has its test file")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
