"""A rule: whose tokens it takes, what they must say, and what is given for one. The first that fits counts. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from whale.access.federation.pattern import fits
from whale.model.principal import Scope
from whale.model.scope import write_scope

Wanted = str | int | bool
"""A value that a claim may have; a text is a pattern."""


class Rule(NamedTuple):
    """One rule. Whoever fits it is the machine `name` for `lifetime` seconds."""

    name: str
    issuer: str
    audience: str
    claims: tuple[tuple[str, tuple[Wanted, ...]], ...]
    """For each claim, sorted, the values of which it must have one."""
    groups: tuple[str, ...]
    scope: Scope | None
    lifetime: int

    @property
    def fingerprint(self) -> str:
        """What tells this rule from any other one, and from what it was before it was changed."""
        said = [*self[:5], write_scope(self.scope), self.lifetime]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def choose(rules: Sequence[Rule], claims: Mapping[str, object]) -> tuple[Rule | None, str]:
    """Find the first rule that proved claims fit; else say for each rule, by its name, which claim did not."""
    misfits = []
    for rule in rules:
        claim = _misfit(rule, claims)
        if not claim:
            return rule, ""
        misfits.append(f"{rule.name}: {claim}")
    return None, ", ".join(misfits)


def _misfit(rule: Rule, claims: Mapping[str, object]) -> str:
    """The first claim that is not as the rule wants it."""
    if claims.get("iss") != rule.issuer:
        return "iss"
    audience = claims.get("aud")
    if audience != rule.audience and not (isinstance(audience, list) and rule.audience in audience):
        return "aud"
    for name, wanted in rule.claims:
        if not any(_is(each, claims.get(name)) for each in wanted):
            return name
    return ""


def _is(wanted: Wanted, value: object) -> bool:
    """Lists and objects are nothing that a rule can want: with some of their parts others might come along."""
    if isinstance(wanted, str):
        return isinstance(value, str) and fits(wanted, value)
    return type(value) is type(wanted) and value == wanted  # to Python 1 is True
