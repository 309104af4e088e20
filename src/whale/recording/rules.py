"""What is redacted: the formats that are known, expressions of the operator's, and fixed texts."""

from collections.abc import Mapping, Sequence
from typing import Final

from whale.model.errors import ConfigError
from whale.model.limits import MIN_REDACTED
from whale.recording.expressions import Expression, Expressions
from whale.recording.formats import FORMATS
from whale.recording.shapes import Shape, ends_begun, literal

_SECRET: Final = "secret"  # noqa: S105 - the name of a rule
_LONGEST_LITERAL: Final = 48
_LONGEST_SIGN: Final = 24


class Shapes:
    """Shapes made ready to be looked for."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        by_lead: dict[tuple[bytes, bool], list[Shape]] = {}
        for shape in shapes:
            by_lead.setdefault((shape.lead, shape.any_case), []).append(shape)
        self._of_expression: list[list[Shape]] = []
        leads: list[Expression] = []
        for same in by_lead.values():
            for pattern in same[0].leads:
                leads.append(Expression(pattern, same[0].any_case))
                self._of_expression.append(same)
        found = {Expression(sign, shape.any_case): None for shape in shapes for sign in shape.signs}
        self.signs = Expressions(list(found))
        """Where none of these is in raw output, there is none of the shapes."""
        self.leads = Expressions(leads)
        self.ends_begun = ends_begun(same[0] for same in by_lead.values())

    def beginning_with(self, number: int) -> list[Shape]:
        """Return the shapes that begin with the lead that has this number in `leads`."""
        return self._of_expression[number]


class Rules:
    """What is redacted in all sessions of a server. Making it takes a quarter of a second."""

    def __init__(self, expressions: Mapping[str, str] | None = None, *, with_formats: bool = True) -> None:
        """`expressions` by the name that stands in the recording for what they find.

        Raises `ConfigError`, with the name as its path, for one that can't be used: see docs/recording-redaction.md.
        """
        self.shapes = Shapes(FORMATS if with_formats else ())
        self.names = tuple(expressions or ())
        self.expressions = _expressions(expressions or {})


def _expressions(expressions: Mapping[str, str]) -> Expressions:
    for name, text in expressions.items():
        try:
            Expressions([Expression(text.encode())])
        except ConfigError as error:
            raise ConfigError(error.message, path=name, hint=error.hint) from None
    return Expressions([Expression(text.encode()) for text in expressions.values()])


def shapes_of(secrets: Sequence[bytes]) -> Shapes:
    """Make ready the fixed texts of one session; those below MIN_REDACTED bytes are left out. It takes milliseconds."""
    lines = ((secret, b"".join(secret.split(b"\n")).replace(b"\r", b"")) for secret in secrets)
    return Shapes(
        [_literal_shape(text, b"\n" in secret) for secret, text in lines if len(text.strip()) >= MIN_REDACTED]
    )


def _literal_shape(text: bytes, has_lines: bool) -> Shape:
    """Of a long text the beginning must be found; the rest is whatever consists of the same characters."""
    first, more = text[:_LONGEST_LITERAL], text[_LONGEST_LITERAL:]
    lead = first[: MIN_REDACTED - 1]
    chars = b"".join(b"\\x%02x" % value for value in sorted(set(more)))
    rest = (rb"[%s\n]" if has_lines else rb"[%s]") % chars if more else b""
    sign = max(first.split(), key=len)[:_LONGEST_SIGN]
    return Shape(_SECRET, lead, *literal(first[len(lead) :]), rest=rest, sign_text=sign, most=len(more) * 2)
