"""The settings of federation: by which rules jobs get tokens for identity tokens of their own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from whale.access.federation.pattern import is_pattern
from whale.access.federation.rule import Rule, Wanted
from whale.access.oidc.metadata import is_protected
from whale.model.errors import ConfigError, UsageError
from whale.model.limits import FEDERATED_LIFETIME, MAX_FEDERATED_LIFETIME, MAX_FEDERATION_RULES
from whale.model.names import is_principal_name
from whale.model.scope import parse_scope
from whale.model.text import printable
from whale.server.config_section import Section, about

MAX_GROUPS = 100

_OWN_CLAIMS = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
"""Claims that are looked at in any case, and tell no job from another."""


class FederationRule(Section, frozen=True):
    """One `[[federation]]`."""

    name: Annotated[str, about("What jobs are called that it takes; nobody else may have the name.")]
    issuer: Annotated[str, about("Issuer of their tokens, as it writes it itself.")]
    audience: Annotated[str, about("Whom the tokens must be for: this server, in the words that the jobs use.")]
    claims: Annotated[
        dict[str, Wanted | tuple[Wanted, ...]],
        about("For each claim the value that it must have, or several; `*` stands for any part, `**` for several."),
    ]
    groups: Annotated[tuple[str, ...], about("Groups of the jobs, for the policies.")] = ()
    actions: Annotated[tuple[str, ...], about("Actions that the tokens are good for. Empty: all.")] = ()
    containers: Annotated[
        tuple[str, ...], about("Containers that they are good for: NAME or label:NAME=VALUE. Empty: all.")
    ] = ()
    lifetime: Annotated[int, about("Seconds that a token is good.", ge=60, le=MAX_FEDERATED_LIFETIME)] = (
        FEDERATED_LIFETIME
    )
    ca_file: Annotated[str, about("CA certificate that the issuer's must be signed by; an absolute path.")] = ""

    def check(self) -> None:
        """Check that it takes what somebody meant, and not anything."""
        if not is_principal_name(self.name):
            raise ConfigError("is up to 64 letters, digits and . _ @ -, and starts with a letter or digit", path="name")
        if not is_protected(self.issuer):
            raise ConfigError("must be an https:// address", path="issuer")
        if not self.audience or not self.audience.isprintable():
            raise ConfigError("is missing: tokens for others would be taken", path="audience")
        self._check_claims()
        if len(self.groups) > MAX_GROUPS or not all(map(is_principal_name, self.groups)):
            raise ConfigError("each is up to 64 letters, digits and . _ @ -", path="groups")
        try:
            parse_scope(self.actions, self.containers)
        except UsageError as error:
            raise ConfigError(error.message, path="actions, containers", hint=error.hint) from error
        if self.ca_file and not Path(self.ca_file).is_absolute():
            raise ConfigError("must be an absolute path", path="ca_file")

    @property
    def rule(self) -> Rule:
        """The section as the access room takes it."""
        claims = tuple(sorted((name, _several(wanted)) for name, wanted in self.claims.items()))
        scope = parse_scope(self.actions, self.containers)
        groups = tuple(sorted(set(self.groups)))
        return Rule(self.name, self.issuer, self.audience, claims, groups, scope, self.lifetime)

    def _check_claims(self) -> None:
        if not self.claims:
            raise ConfigError(
                "is empty: anybody with a token of this issuer would be let in",
                path="claims",
                hint='say whose jobs, for example claims = { sub = "repo:acme/app:ref:refs/heads/main" }',
            )
        for name, wanted in self.claims.items():
            path = f"claims.{printable(name)}"
            if not name.isprintable() or name in _OWN_CLAIMS:
                raise ConfigError("is looked at in any case, and says nothing of a job", path=path)
            values = _several(wanted)
            if not values or any(isinstance(each, str) and not is_pattern(each) for each in values):
                raise ConfigError(
                    "would let anybody in: a value, or a pattern with more than stars, is missing", path=path
                )


def check_rules(rules: Sequence[FederationRule]) -> None:
    """Check each rule, and that they do not get into each other's way. Raises `ConfigError`."""
    if len(rules) > MAX_FEDERATION_RULES:
        raise ConfigError(f"has more than {MAX_FEDERATION_RULES} rules", path="federation")
    names: set[str] = set()
    authorities: dict[str, str] = {}
    for number, rule in enumerate(rules):
        path = f"federation[{number}]"
        try:
            rule.check()
        except ConfigError as error:
            raise ConfigError(error.message, path=f"{path}.{error.path}", hint=error.hint) from error
        if rule.name in names:
            raise ConfigError("another rule has this name", path=f"{path}.name")
        names.add(rule.name)
        if authorities.setdefault(rule.issuer, rule.ca_file) != rule.ca_file:
            raise ConfigError("another rule has another one for the same issuer", path=f"{path}.ca_file")


def _several(wanted: Wanted | tuple[Wanted, ...]) -> tuple[Wanted, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)
