"""What the scripts tell the person who runs them: one line per step, on stderr, so that stdout stays data."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class ProvisionError(Exception):
    """Something the machine lacks or refuses. The text says what, and what to do about it."""


def say(text: str) -> None:
    """Print one line for the person."""
    print(f"whale: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step that takes a while, then say how long it took."""
    say(f"{text} …")
    start = time.monotonic()
    yield
    say(f"{text}: done in {time.monotonic() - start:.1f} s")


def confirm(question: str) -> bool:
    """Ask where there is a terminal to ask on; elsewhere the command that was run is the consent."""
    if not sys.stdin.isatty():
        return True
    print(f"whale: {question} [Y/n] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}
