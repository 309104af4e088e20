"""The rules in force, and who proves tokens of their issuers. Replaced as a whole; what changed counts from then on."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from whale.access.federation.rule import Rule

Claims = dict[str, Any]


class Prover(Protocol):
    """Proves the tokens of one issuer: `whale.access.oidc.issuer` has the real one."""

    async def proved(self, token: str, *, now: int) -> Claims:
        """Check signature, issuer and times. Raises `AuthenticationError`, and `WhaleError` for the issuer's fault."""
        ...


class LiveFederation:
    """One per server. Without rules nothing is exchanged."""

    def __init__(self) -> None:
        self.rules: Sequence[Rule] = ()
        self.fingerprints: frozenset[str] = frozenset()
        """Of the rules: a token by any other one is good no more."""
        self._provers: Mapping[str, Prover] = {}

    def replace(self, rules: Sequence[Rule], provers: Mapping[str, Prover]) -> None:
        """Put other rules in force; `provers` has one for each of their issuers."""
        self.rules, self._provers = rules, provers
        self.fingerprints = frozenset(rule.fingerprint for rule in rules)

    def prover_of(self, token: str) -> Prover | None:
        """Who can prove a token, by the issuer that it names itself, unproved; None for one of nobody that is known."""
        return self._provers.get(_said_issuer(token))


def _said_issuer(token: str) -> str:
    try:
        body = token.split(".")[1]
        issuer = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["iss"]
    except (IndexError, ValueError, KeyError, TypeError, binascii.Error, msgspec.MsgspecError, RecursionError):
        return ""
    return issuer if isinstance(issuer, str) else ""
