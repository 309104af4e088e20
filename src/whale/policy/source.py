"""Takes the text of a Cedar file apart into its policies, each with the line on which it begins. Pure.

Cedar's parser names no line, so each policy is parsed by itself. What is taken apart wrongly is no Cedar, and Cedar
says so: this looks only for where strings and comments are, and for the semicolon that ends a policy.
"""

import re
from typing import Final, NamedTuple

_TOKEN = re.compile(r'(?P<blank>\s+|//[^\n\r]*)|(?P<text>"(?:[^"\\]|\\.)*"|[^\s";/]+|/|")|(?P<end>;)', re.DOTALL)


_HIDDEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n\r]*', re.DOTALL)
_LINKS = re.compile(r"[.&|+*-]|\bif\b")

MAX_DEPTH: Final = 40
MAX_LINKS: Final = 1000
"""Brackets within brackets, and operators, of one policy. Cedar's parser has no bound of its own, and a policy that
goes too deep ends the process: at 400 to 1,000 brackets and 4,000 to 20,000 operators with a stack of 8 MiB."""


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


def too_complex(text: str) -> str:
    """Say why a policy must not be handed to Cedar; empty where it may."""
    plain = _HIDDEN.sub("", text)
    depth = deepest = 0
    for bracket in re.findall(r"[(\[{}\])]", plain):
        depth = depth + 1 if bracket in "([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        return f"has more than {MAX_DEPTH} brackets within each other"
    if sum(1 for _ in _LINKS.finditer(plain)) > MAX_LINKS:
        return f"has more than {MAX_LINKS} operators; make several policies of it"
    return ""


def _statement(file: PolicyFile, start: int, end: int) -> Statement:
    return Statement(file.text[start:end], file.name, file.text.count("\n", 0, start) + 1)
