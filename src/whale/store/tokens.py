"""The table of tokens. Keeps digests only: what could be used as a token never gets here."""

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Row, and_, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from whale.model.errors import UsageError
from whale.model.ids import TokenId
from whale.model.principal import PrincipalKind, Scope
from whale.model.scope import read_scope, write_scope
from whale.store.database import Database
from whale.store.schema import tokens
from whale.store.users import name_is_taken

# Made once: making it takes as long as the database does, and each request asks.
_BY_ID: Final = select(tokens).where(tokens.c.id == bindparam("token"))


class TokenRow(NamedTuple):
    """One token. Times are Unix seconds; None is never."""

    id: TokenId
    name: str
    digest: bytes
    created: int
    expires: int | None = None
    revoked: int | None = None
    last_used: int | None = None
    groups: tuple[str, ...] = ()
    scope: Scope | None = None
    rule: str | None = None
    """Fingerprint of the federation rule that it was made by; it is good for as long as that is in force."""
    proof: str | None = None
    """Hash of what it was exchanged for, which is good once."""

    @property
    def lives_by(self) -> TokenId:
        """What must be good for as long as what was begun with this: the token itself."""
        return self.id

    @property
    def kind(self) -> PrincipalKind:
        """Tokens are machines'."""
        return PrincipalKind.MACHINE


class TokenTable:
    """Queries on the tokens of one database. All raise `WhaleError` when it fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, row: TokenRow) -> None:
        """Add a token. One that has expired under the same name makes room by being revoked.

        Raises `UsageError` when a living token or a person has the name.
        """
        expired = and_(tokens.c.expires.is_not(None), tokens.c.expires <= row.created)
        retire = (
            update(tokens)
            .where(tokens.c.name == row.name, tokens.c.revoked.is_(None), tokens.c.rule.is_(None), expired)
            .values(revoked=row.created)
        )
        async with self._database.write() as connection:
            if await name_is_taken(connection, row.name):
                raise UsageError(f"there is a person named {row.name}", hint="use another name for the token")
            if await has_living_token(connection, row, by_rule=True):
                raise UsageError(f"there are jobs named {row.name}", hint="use another name for the token")
            await connection.execute(retire)
            try:
                await connection.execute(insert(tokens).values(token_values(row)))
            except IntegrityError as error:
                raise UsageError(
                    f"there is a token named {row.name} already",
                    hint=f"use another name, or `whale-server token revoke {row.name}` first",
                ) from error

    async def get(self, token_id: TokenId) -> TokenRow | None:
        """Look up one token by its public id, revoked and expired ones included."""
        async with self._database.read() as connection:
            found = (await connection.execute(_BY_ID, {"token": token_id})).one_or_none()
        return _row(found) if found is not None else None

    async def valid(
        self, ids: Collection[TokenId], *, at: int, rules: Collection[str] = ()
    ) -> dict[TokenId, tuple[str, ...]]:
        """Which of these tokens are neither revoked nor expired at that time, and the groups they have now.

        Those of jobs are only good by one of these rules.
        """
        lives = or_(tokens.c.expires.is_(None), tokens.c.expires > at)
        is_ruled = or_(tokens.c.rule.is_(None), tokens.c.rule.in_(rules))
        living = (tokens.c.id.in_(ids), tokens.c.revoked.is_(None), lives, is_ruled)
        statement = select(tokens.c.id, tokens.c.groups).where(*living)
        async with self._database.read() as connection:
            return {TokenId(each): _split(groups) for each, groups in await connection.execute(statement)}

    async def list(self) -> list[TokenRow]:
        """All tokens, oldest first."""
        async with self._database.read() as connection:
            found = await connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.name, tokens.c.id))
            return [_row(each) for each in found]

    async def revoke(self, name: str, *, at: int) -> bool:
        """Revoke the living token of that name. False when there is none."""
        statement = update(tokens).where(tokens.c.name == name, tokens.c.revoked.is_(None)).values(revoked=at)
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def set_groups(self, name: str, groups: Collection[str]) -> bool:
        """Give the living token of that name these groups instead of its own. False when there is none."""
        living = update(tokens).where(tokens.c.name == name, tokens.c.revoked.is_(None))
        async with self._database.write() as connection:
            return bool((await connection.execute(living.values(groups=_joined(groups)))).rowcount)

    async def touch(self, token_id: TokenId, *, at: int) -> bool:
        """Note that a token was used. An earlier time never replaces a later one. False when nothing was noted."""
        older = or_(tokens.c.last_used.is_(None), tokens.c.last_used < at)
        async with self._database.write() as connection:
            noted = await connection.execute(update(tokens).where(tokens.c.id == token_id, older).values(last_used=at))
            return bool(noted.rowcount)


async def has_living_token(connection: AsyncConnection, row: TokenRow, *, by_rule: bool) -> bool:
    """Tell whether a token of that name is good when this one is made: one of a rule, or one that is of none."""
    lives = or_(tokens.c.expires.is_(None), tokens.c.expires > row.created)
    kind = tokens.c.rule.is_not(None) if by_rule else tokens.c.rule.is_(None)
    found = select(tokens.c.id).where(tokens.c.name == row.name, tokens.c.revoked.is_(None), lives, kind)
    return (await connection.execute(found)).first() is not None


def _row(found: Row[tuple[object, ...]]) -> TokenRow:
    values = found._mapping
    return TokenRow(**values)._replace(groups=_split(values["groups"]), scope=read_scope(values["scope"]))


def token_values(row: TokenRow) -> dict[str, object]:
    """Write a row as the table has it."""
    return row._asdict() | {"groups": _joined(row.groups), "scope": write_scope(row.scope)}


def _joined(groups: Collection[str]) -> str:
    return ",".join(groups)


def _split(groups: str) -> tuple[str, ...]:
    return tuple(filter(None, groups.split(",")))
