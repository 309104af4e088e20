"""What secrets look like, as sequences of parts, and the regular expressions that follow from it.

A secret begins with a lead, such as `ghp_`, that is rare elsewhere. As soon as the parts have been seen it is known for
one, and whatever its rest is made of follows it away, however long it is. So no more is ever held back than the parts.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

BREAK: Final = rb"\n?"
"""Between two characters of a secret a line may have ended: the terminal was not wide enough."""

_RAW_BREAK: Final = rb"(?:\r?\n|\s?\r)"


class Part(NamedTuple):
    """Characters of one class: any of `chars`, a class of a regular expression, so many times."""

    chars: bytes
    least: int = 1
    most: int = 1
    may_break: bool = True

    @property
    def pattern(self) -> bytes:
        unit = (BREAK if self.may_break else b"") + self.chars
        return unit if self.least == self.most == 1 else b"(?:%s){%d,%d}" % (unit, self.least, self.most)

    @property
    def begun(self) -> bytes:
        """Less of it than makes it whole, or just as much."""
        unit = (BREAK if self.may_break else b"") + self.chars
        return b"(?:%s){0,%d}" % (unit, self.most)


def literal(text: bytes) -> tuple[Part, ...]:
    """Return the parts of a fixed text."""
    return tuple(Part(_byte(value)) for value in text)


class Shape:
    """What one kind of secret looks like."""

    def __init__(
        self,
        rule: str,
        lead: bytes,
        *secret: Part,
        rest: bytes = b"",
        context: Sequence[Part] | None = None,
        close: Sequence[Part] = (),
        any_case: bool = False,
        not_after: bytes = b"",
        sign: bytes | None = None,
        sign_text: bytes = b"",
        most: int = 0,
    ) -> None:
        """`secret` follows the lead, and `rest` is the class of what follows it.

        With a `context`, which stands between lead and secret, lead and context stay; else the lead goes, too. `close`
        must follow the secret, and stays. `sign` is an expression for raw output that comes with the lead, where that
        alone is not rare enough, and `sign_text` a text that does. `most` characters go at most as a rest that may go
        over many lines: who writes the beginning of a key must not go on unseen.
        """
        self.rule = rule
        self.any_case = any_case
        self.most = most
        self.lead = lead
        self._context = None if context is None else tuple(context)
        self._secret = secret
        self._close = tuple(close)
        self._sign = sign
        self._sign_text = sign_text or lead
        self._rest = rest
        self._not_after = b"(?<!%s)" % not_after if not_after else b""

    @cached_property
    def signs(self) -> list[bytes]:
        """Expressions for raw output: without any of them in it, there is no such secret."""
        whole = self._sign if self._sign is not None else _quote(self._sign_text)
        return [whole, *_broken(self._sign_text, _RAW_BREAK)]

    @cached_property
    def leads(self) -> list[bytes]:
        """Expressions for visible text: where none of them is, no such secret begins."""
        return [_quote(self.lead), *_broken(self.lead, rb"\n")]

    @cached_property
    def whole(self) -> re.Pattern[bytes]:
        """A secret, from its lead on; the group is what goes."""
        kept = _join([*literal(self.lead), *(self._context or ())])
        gone = _join(self._secret)
        if self._context is None:
            return self._compile(b"(%s%s)" % (kept, gone))
        return self._compile(kept + b"(" + gone + b")" + _join(self._close))

    @cached_property
    def begun(self) -> re.Pattern[bytes]:
        """The end of a text that may become a secret."""
        return self._compile(begun([*literal(self.lead), *(self._context or ()), *self._secret, *self._close]))

    @cached_property
    def lead_begun(self) -> bytes:
        """The same for the lead alone, without its context, for the place to look at."""
        pattern = self._not_after + begun(literal(self.lead))
        return b"(?i:" + pattern + b")" if self.any_case else pattern

    @cached_property
    def rest(self) -> re.Pattern[bytes]:
        """What follows a secret away."""
        return re.compile(b"(?:" + self._rest + b")*" if self._rest else b"")

    def _compile(self, pattern: bytes) -> re.Pattern[bytes]:
        return re.compile(self._not_after + pattern, re.IGNORECASE if self.any_case else 0)


def begun(parts: Sequence[Part]) -> bytes:
    """Return an expression for a text's end that the parts may begin with. It is asked where they are not complete."""
    pattern = b"(?!)"
    for part in reversed(parts[1:]):
        pattern = b"(?:%s%s|%s\n?\\Z)" % (part.pattern, pattern, part.begun)
    return parts[0].chars + pattern


def ends_begun(shapes: Iterable[Shape]) -> re.Pattern[bytes]:
    """Return an expression for a text's end that the lead of any shape may begin with."""
    patterns = [shape.lead_begun for shape in shapes]
    return re.compile(b"|".join(patterns) if patterns else b"(?!)")


def _join(parts: Iterable[Part]) -> bytes:
    return b"".join(part.pattern for part in parts).removeprefix(BREAK)


def _quote(text: bytes) -> bytes:
    return b"".join(map(_byte, text))


def _byte(value: int) -> bytes:
    return b"\\x%02x" % value


def _broken(text: bytes, gap: bytes) -> list[bytes]:
    """A fixed text with a gap, wherever that may be."""
    places = range(1, len(text))
    return [_quote(text[:at]) + gap + _quote(text[at:]) for at in places]
