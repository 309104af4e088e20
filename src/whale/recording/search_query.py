"""What is searched for: words and phrases, all of them in one line. Pure, and no language of any library.

A word is found where a word of the line begins with it, whatever the case of its letters; a phrase in quotes is found
with its words in that order, whatever space is between them.
"""

import re
from typing import Final

from whale.model.errors import UsageError

MAX_QUERY: Final = 256
"""Characters of a query."""

MAX_TERMS: Final = 16
MAX_WORD: Final = 32
"""Characters of a word that the index knows: what follows is looked for in the line."""

SHOWN: Final = 240
"""Characters of a line that are shown."""

_BEFORE: Final = 60
"""Of them, those before what was found."""

_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_WORD: Final = re.compile(r"[^\W_]+")


class SearchQuery:
    """One query. Raises `UsageError` for what can't be searched for."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_QUERY or not text.isprintable():
            raise UsageError(f"a search is one line of at most {MAX_QUERY} characters", hint="search for less")
        terms = [phrase or word for phrase, word in _PART.findall(text.casefold())]
        terms = [term.strip() for term in terms if term.strip()]
        if len(terms) > MAX_TERMS:
            raise UsageError(f"a search has at most {MAX_TERMS} words", hint="search for fewer")
        self._patterns = [re.compile(_pattern(term)) for term in terms]
        self.pieces = tuple(sorted((piece for term in terms for piece in term.split()), key=len, reverse=True))
        """What a text has somewhere in which it is found, without regard to lines."""
        self.encoded = tuple(piece.encode("utf-8", "replace") for piece in self.pieces)
        """The same, for a text that is ASCII."""
        self.words = _indexed(terms)
        """What the index is asked for: all of these are beginnings of words where the query is found."""
        if not self.words:
            raise UsageError("a search needs a word of two letters or digits", hint='for example "drop table"')

    def find(self, line: str) -> int | None:
        """Return where in a line it is; None where it is not."""
        folded = line.casefold()
        places: list[int] = []
        for pattern in self._patterns:
            found = pattern.search(folded)
            if found is None:
                return None
            places.append(found.start())
        return min(min(places), len(line))


def words_of(text: str) -> set[str]:
    """The words of a text as the index knows them."""
    return {word[:MAX_WORD] for word in _WORD.findall(text.casefold())}


def excerpt(line: str, at: int) -> str:
    """What of a line is shown, where something was found in it."""
    if len(line) <= SHOWN:
        return line
    start = max(0, min(at - _BEFORE, len(line) - SHOWN))
    end = start + SHOWN
    return ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")


def _pattern(term: str) -> str:
    pattern = r"\s+".join(map(re.escape, term.split()))
    return r"(?<![^\W_])" + pattern if _WORD.match(term) else pattern


def _indexed(terms: list[str]) -> tuple[str, ...]:
    words = {word[:MAX_WORD] for term in terms for word in _WORD.findall(term)}
    longer = sorted(word for word in words if len(word) > 1)
    # What another one begins with is found with it.
    return tuple(word for word in longer if not any(other != word and other.startswith(word) for other in longer))
