"""What an operator does with tokens: create, list, revoke. Works beside a running server.

The text of a token exists in the value `create` returns and nowhere else.
"""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from whale.access.lifetime import DEFAULT_LIFETIME, parse_lifetime
from whale.access.tokens import create_token
from whale.audit.event import Kind
from whale.model.errors import UsageError
from whale.model.names import is_principal_name
from whale.model.scope import parse_scope
from whale.model.secret import Secret
from whale.model.text import printable
from whale.server.audit import note_operator
from whale.store.database import Database
from whale.store.place import StorePlace
from whale.store.tokens import TokenRow, TokenTable

__all__ = [
    "DEFAULT_LIFETIME",
    "CreatedToken",
    "TokenState",
    "check_groups",
    "check_name",
    "create",
    "list_all",
    "revoke",
    "set_groups",
    "state_of",
]

MAX_GROUPS = 100
"""Groups of one token."""

TokenState = Literal["active", "expired", "revoked"]


class CreatedToken(NamedTuple):
    """A new token. Show `text` to its owner once."""

    text: Secret
    row: TokenRow


async def create(
    place: StorePlace,
    name: str,
    *,
    lifetime: str = DEFAULT_LIFETIME,
    groups: Collection[str] = (),
    actions: Collection[str] = (),
    containers: Collection[str] = (),
) -> CreatedToken:
    """Make a token that lives as long as `lifetime` says: `30d`, `12h`, `2w` or `never`.

    With `actions` or `containers` it may be used for these alone, as far as the policy permits them. Raises
    `UsageError` for a bad lifetime or scope, a bad name or one in use, and `WhaleError` when the database can't be
    used.
    """
    check_name("a token's name", name)
    checked = check_groups(groups)
    scope = parse_scope(actions, containers)
    seconds = parse_lifetime(lifetime)
    now = int(time.time())
    made = create_token()
    row = TokenRow(
        made.id, name, made.digest, now, None if seconds is None else now + seconds, groups=checked, scope=scope
    )
    async with _table(place) as table:
        await table.insert(row)
    await note_operator(
        place, Kind.TOKEN_CREATED, name=name, token=made.id, groups=checked, scope=str(scope) if scope else ""
    )
    return CreatedToken(made.text, row)


async def list_all(place: StorePlace) -> list[TokenRow]:
    """All tokens, oldest first. Raises `WhaleError` when the database can't be used."""
    async with _table(place) as table:
        return await table.list()


async def revoke(place: StorePlace, name: str) -> None:
    """Revoke the token of that name; a running server refuses it from its next request on.

    Raises `UsageError` when no living token has the name.
    """
    async with _table(place) as table:
        if not await table.revoke(name, at=int(time.time())):
            raise _no_token(name)
    await note_operator(place, Kind.TOKEN_REVOKED, name=name)


async def set_groups(place: StorePlace, name: str, groups: Collection[str]) -> tuple[str, ...]:
    """Give the token of that name these groups instead of those it has, and return them.

    A running server decides by them from its next request on. Raises `UsageError` when no living token has the name.
    """
    checked = check_groups(groups)
    async with _table(place) as table:
        if not await table.set_groups(name, checked):
            raise _no_token(name)
    await note_operator(place, Kind.TOKEN_GROUPS, name=name, groups=checked)
    return checked


def check_name(what: str, name: str) -> None:
    """Make sure that a name can be anybody's. Raises `UsageError`."""
    if not is_principal_name(name):
        raise UsageError(
            f"{what} is up to 64 letters, digits and . _ @ -, and starts with a letter or digit",
            hint="name it after who or what uses it, for example alice or ci-backup",
        )


def state_of(row: TokenRow, *, now: int) -> TokenState:
    """Say in one word whether a token works."""
    if row.expires is not None and row.expires <= min(now, row.revoked or now):
        return "expired"
    return "active" if row.revoked is None else "revoked"


def _no_token(name: str) -> UsageError:
    return UsageError(f"there is no living token named {printable(name)}", hint="see `whale-server token list`")


def check_groups(groups: Collection[str]) -> tuple[str, ...]:
    """Make sure that these can be somebody's groups; return them sorted. Raises `UsageError`."""
    if not all(is_principal_name(group) for group in groups):
        raise UsageError(
            "a group's name is up to 64 letters, digits and . _ @ -, and starts with a letter or digit",
            hint="give --group once for each, for example --group developer --group team-x",
        )
    if len(unique := tuple(sorted(set(groups)))) > MAX_GROUPS:
        raise UsageError(f"nobody is in more than {MAX_GROUPS} groups", hint="use groups that stand for several")
    return unique


@asynccontextmanager
async def _table(place: StorePlace) -> AsyncIterator[TokenTable]:
    database = await Database.open(place)
    try:
        yield TokenTable(database)
    finally:
        await database.aclose()
