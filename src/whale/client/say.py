"""A line of whale's own, on standard error, which never waits and never fails."""

import os
import select

STDERR = 2


def say(text: str, *, raw: bool) -> None:
    """Write lines to standard error, if it takes them now; `raw` when the terminal is."""
    try:
        if select.select([], [STDERR], [], 0)[1]:
            os.write(STDERR, text.replace("\n", "\r\n" if raw else "\n").encode())
    except OSError:
        pass  # nobody reads it
