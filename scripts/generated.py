"""Documents that are written from the code: written anew, or compared with what is there (`--check`)."""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def write_or_check(path: Path, text: str, arguments: Sequence[str], *, command: str) -> int:
    """Write `text` to `path`, or with --check compare and show the difference; returns the exit status."""
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if "--check" not in arguments:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {name}")
        return 0
    present = path.read_text() if path.exists() else ""
    if present == text:
        print(f"{name} is what the code says")
        return 0
    lines = difflib.unified_diff(present.splitlines(), text.splitlines(), str(name), "the code", lineterm="")
    print("\n".join(lines))
    print(f"{name} differs from the code; run: {command}", file=sys.stderr)
    return 1
