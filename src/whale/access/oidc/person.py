"""From proved claims to a person: a name, and groups. Pure."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from whale.model.errors import AuthenticationError, WhaleError
from whale.model.names import is_principal_name

MAX_GROUPS: Final = 500
MAX_GROUP: Final = 256
"""Characters of a group's name."""


class Person(NamedTuple):
    """Whom a provider vouches for. `subject` is what stays the same when the name changes."""

    subject: str
    name: str
    groups: tuple[str, ...]


def person_of(
    claims: dict[str, Any], *, name_claim: str, groups_claim: str, allowed_groups: Collection[str] = ()
) -> Person:
    """Read the person. With `allowed_groups`, one must be in one of them.

    Raises `WhaleError` (login.name) for a name that can't be one here, and `AuthenticationError` (login.denied).
    """
    name = claims.get(name_claim)
    # An address that was not proved is what somebody says of themselves.
    is_proved = name_claim != "email" or claims.get("email_verified") is True
    if not isinstance(name, str) or not is_proved or not is_principal_name(name):
        raise WhaleError(
            "the identity provider gives you no name that can be used here",
            code="login.name",
            hint="an administrator can name another claim in oidc.name_claim",
            detail=f"claim {name_claim} is missing, not proved, or has other characters than letters, digits, ._@-",
        )
    groups = _groups(claims.get(groups_claim, []))
    if allowed_groups and not set(allowed_groups) & set(groups):
        raise AuthenticationError(
            "you are in none of the groups that may log in here", code="login.denied", hint="ask an administrator"
        )
    return Person(str(claims["sub"]), name, groups)


def _groups(value: object) -> tuple[str, ...]:
    """All groups or none: without one of them a policy that forbids would not be asked."""
    groups = [value] if isinstance(value, str) else value
    if (
        not isinstance(groups, list)
        or len(groups) > MAX_GROUPS
        or not all(isinstance(group, str) and 0 < len(group) <= MAX_GROUP and group.isprintable() for group in groups)
    ):
        raise WhaleError(
            "the identity provider's list of your groups can't be used here",
            code="login.failed",
            hint="an administrator can have it send fewer, or name another claim in oidc.groups_claim",
            detail=f"no list of up to {MAX_GROUPS} printable names of up to {MAX_GROUP} characters",
        )
    return tuple(sorted(set(groups)))
