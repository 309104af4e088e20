"""Why somebody asks for something, in their own words: `--reason`. It goes to the policy and into the audit trail."""

import re

MAX_PURPOSE = 200
"""Most characters of it."""

_PURPOSE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")


def is_purpose(text: str) -> bool:
    """True for what can be a reason, and for none at all: one line without control characters."""
    return len(text) <= MAX_PURPOSE and _PURPOSE.fullmatch(text) is not None
