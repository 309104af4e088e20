"""Takes the text of a Cedar file apart into its policies, each with the line on which it begins. Pure.

Cedar's parser names no line, so each policy is parsed by itself. What is taken apart wrongly is no Cedar, and Cedar
says so: this looks only for where strings and comments are, and for the semicolon that ends a policy.
"""

import re
from typing import NamedTuple

_TOKEN = re.compile(r'(?P<blank>\s+|//[^\n]*)|(?P<text>"(?:[^"\\]|\\.)*"|[^\s";/]+|/|")|(?P<end>;)', re.DOTALL)


class PolicyFile(NamedTuple):
    """The text of one file, and the name that messages give it."""

    name: str
    text: str


class Statement(NamedTuple):
    """The text of one policy, and where it stands."""

    text: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """File and line, as messages give them."""
        return f"{self.file}:{self.line}"


def split_statements(file: PolicyFile) -> list[Statement]:
    """Return a file's policies in order. The last one may lack its semicolon."""
    found: list[Statement] = []
    start: int | None = None
    last = 0
    for token in _TOKEN.finditer(file.text):
        if token["blank"] is not None:
            continue
        start = token.start() if start is None else start
        last = token.end()
        if token["end"] is not None:
            found.append(_statement(file, start, last))
            start = None
    if start is not None:
        found.append(_statement(file, start, last))
    return found


def _statement(file: PolicyFile, start: int, end: int) -> Statement:
    return Statement(file.text[start:end], file.name, file.text.count("\n", 0, start) + 1)
