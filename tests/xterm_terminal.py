"""xterm.js without a screen: the terminal that says whether a repaint is right.

It shares no code with the emulator that makes the repaints. `make test` installs it; `tests/xterm/terminal.js` drives
it.
"""

import base64
import json
import select
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from whale.model.terminal import TerminalSize

FOLDER = Path(__file__).parent / "xterm"
LIMIT = 30.0
"""Seconds for one job."""

State = dict[str, Any]


class XtermTerminals:
    """Runs jobs, each in a terminal of its own."""

    def __init__(self, into: IO[bytes], out: IO[bytes]) -> None:
        self._into = into
        self._out = out

    def run(self, size: TerminalSize, pieces: Sequence[bytes]) -> list[State]:
        """Feed a new terminal piece by piece; return its state after each."""
        job = {"cols": size.cols, "rows": size.rows, "pieces": [base64.b64encode(piece).decode() for piece in pieces]}
        self._into.write(json.dumps(job).encode() + b"\n")
        self._into.flush()
        assert select.select([self._out], [], [], LIMIT)[0], "xterm.js takes too long"
        states: list[State] = json.loads(self._out.readline())
        return states


@contextmanager
def xterm_terminals() -> Iterator[XtermTerminals]:
    """Start the process that has the terminals."""
    node = shutil.which("node")
    assert node, "node is not installed: `make test` installs nodejs and npm"
    assert (FOLDER / "node_modules").is_dir(), "xterm.js is not installed: python -m scripts.provision node"
    process = subprocess.Popen([node, "terminal.js"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield XtermTerminals(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=LIMIT)


def differences(first: State, second: State) -> list[str]:
    """Say in words what differs between two states, cell by cell. A title that was never set is nobody's."""
    if first["title"] is None:
        second = second | {"title": None}
    return list(_differences("", first, second))


def _differences(where: str, first: Any, second: Any) -> Iterator[str]:
    if isinstance(first, dict):
        # What xterm.js has not set is not there.
        for key in sorted(first.keys() | second.keys()):
            yield from _differences(f"{where} {key}", first.get(key), second.get(key))
    elif isinstance(first, list) and first and isinstance(first[0], list):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differences(f"{where} {number}", one, other)
    elif first != second:
        yield f"{where.strip()}: {first!r} against {second!r}"
