"""How a failure looks on a terminal: one line that says what, one that says what to do. Never a traceback."""

import sys

from whale.model.errors import WhaleError
from whale.model.outcomes import outcome_of
from whale.model.text import printable


def report(program: str, error: WhaleError, *, status: int | None = None, detail: bool = False) -> int:
    """Print an error to stderr and return the exit status: `status`, or what the table of outcomes says.

    `detail` adds the operator's part of the error; only `whale-server`, whose user is the operator, asks for it.
    """
    lines = [f"{program}: {error.message}"]
    if detail and error.detail:
        lines.append(f"detail: {error.detail}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    try:
        sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
        sys.stderr.flush()
    except (OSError, ValueError):
        # Nobody is there to read it, and the exit status still tells; but for the interpreter's own try to flush
        # once more, whose failure would turn any status into 120.
        sys.stderr = None
    return outcome_of(error.code).exit if status is None else status
