"""Why something is asked for: said with `--reason`, in the environment, or to a question."""

import os
import sys
from collections.abc import Mapping

from whale.model.errors import UsageError
from whale.model.purpose import MAX_PURPOSE, is_purpose

VARIABLE = "WHALE_REASON"


def read_reason(given: str, environ: Mapping[str, str]) -> str:
    """Return what was said, or what the environment says. Raises `UsageError` for what can be none."""
    reason = given or environ.get(VARIABLE, "")
    if not is_purpose(reason):
        raise UsageError(
            f"a reason is one line of at most {MAX_PURPOSE} characters", hint='for example --reason "ticket 42"'
        )
    return reason


def can_ask() -> bool:
    """True when there is somebody at a terminal to ask."""
    return os.isatty(0) and os.isatty(2)


def ask_reason() -> str:
    """Ask on the terminal; empty when nothing was said. Raises `UsageError` as `read_reason`."""
    sys.stderr.write("whale: the policy wants a reason: ")
    sys.stderr.flush()
    return read_reason(sys.stdin.readline().strip(), {})
