"""Many regular expressions looked for at once, in time proportional to the text whatever they are: Vectorscan.

The only file that knows the library. It takes no back-references and nothing that looks around, which is why it can
promise that; the interpreter's other threads run meanwhile.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pyperscan import BlockDatabase, BlockScanner, Flag, Pattern, Scan

from whale.model.errors import ConfigError


class Expression(NamedTuple):
    """A regular expression over bytes; a dot is any byte but a newline, `^` and `$` are the ends of a line."""

    pattern: bytes
    any_case: bool = False


class Hit(NamedTuple):
    """A place at which the expression with this number was found."""

    start: int
    end: int
    number: int


class Expressions:
    """Expressions made ready, which takes milliseconds; shared by all that look for the same."""

    def __init__(self, expressions: Sequence[Expression], *, with_starts: bool = True) -> None:
        """Without starts, which are 0 then, short expressions are found several times as fast.

        Raises `ConfigError`, with the expression as its path, for one that can't be used.
        """
        self._database = _compile(expressions, with_starts) if expressions else None

    def first(self) -> "First":
        """Make what finds one of them, soon. It belongs to one thread at a time."""
        return First(self._database)

    def search(self) -> "Search":
        """Make what tells where. It belongs to one thread at a time."""
        return Search(self._database)


class First:
    """Finds the place in a text at which any of the expressions ends first."""

    def __init__(self, database: BlockDatabase | None) -> None:
        self._hits: list[Hit] = []
        self._scanner: BlockScanner | None = database.build(self._hits, _keep_one) if database is not None else None

    def __call__(self, data: bytes) -> Hit | None:
        if self._scanner is None or self._scanner.scan(data) != Scan.Terminate:
            return None
        return self._hits.pop()


class Search:
    """Finds every place at which an expression ends, with the earliest start for it."""

    def __init__(self, database: BlockDatabase | None) -> None:
        self._hits: list[Hit] = []
        self._scanner: BlockScanner | None = database.build(self._hits, _keep) if database is not None else None

    def __call__(self, data: bytes) -> list[Hit]:
        self._hits.clear()
        if self._scanner is not None:
            self._scanner.scan(data)
        return self._hits.copy()


def _compile(expressions: Sequence[Expression], with_starts: bool) -> BlockDatabase:
    try:
        return BlockDatabase(*(_pattern(each, number, with_starts) for number, each in enumerate(expressions)))
    except Exception as error:  # noqa: BLE001 - the library's own class is not among what it lets out
        reason, number = error.args if len(error.args) == 2 else (str(error), 0)
        path = expressions[number].pattern.decode(errors="replace")
        raise ConfigError("is no regular expression that can be used here", path=path, hint=str(reason)) from None


def _pattern(expression: Expression, number: int, with_starts: bool) -> Pattern:
    flags = [Flag.MULTILINE]
    if expression.any_case:
        flags.append(Flag.CASELESS)
    if with_starts:
        flags.append(Flag.SOM_LEFTMOST)
    return Pattern(expression.pattern, *flags, tag=number)


def _keep(hits: list[Hit], number: int, start: int, end: int) -> Scan:
    hits.append(Hit(start, end, number))
    return Scan.Continue


def _keep_one(hits: list[Hit], number: int, start: int, end: int) -> Scan:
    hits.append(Hit(start, end, number))
    return Scan.Terminate
