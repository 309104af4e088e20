"""The table of people. A name belongs to one person or one living token, because sessions belong to names."""

import json
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from whale.model.errors import WhaleError
from whale.model.ids import TokenId
from whale.store.database import Database
from whale.store.schema import enrolments, logins, tokens, users


class UserRow(NamedTuple):
    """One person. Times are Unix seconds; None is never. `issuer` and `subject` are what a provider calls them."""

    id: str
    name: str
    created: int
    groups: tuple[str, ...] = ()
    issuer: str | None = None
    subject: str | None = None
    disabled: int | None = None
    last_login: int | None = None


class UserTable:
    """Queries on the people of one database. All raise `WhaleError` when it fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: UserRow) -> None:
        """Add a person. Raises `WhaleError` (login.name) when the name belongs to somebody already."""
        async with self._database.write() as connection:
            await _add(connection, row)

    async def list(self) -> list[UserRow]:
        """Everybody, by name."""
        async with self._database.read() as connection:
            return [_row(each) for each in await connection.execute(select(users).order_by(users.c.name))]

    async def find(self, name: str) -> UserRow | None:
        """Look somebody up by name."""
        async with self._database.read() as connection:
            found = (await connection.execute(select(users).where(users.c.name == name))).one_or_none()
        return _row(found) if found is not None else None

    async def set_groups(self, name: str, groups: Collection[str]) -> bool:
        """Give somebody these groups instead of theirs. False when there is nobody of that name."""
        return await self._change(name, groups=written_groups(groups))

    async def set_disabled(self, name: str, at: int | None) -> bool:
        """Disable somebody, or enable them again with None. False when there is nobody of that name.

        To be disabled ends all logins, and the link that was not used: to be enabled again brings none back.
        """
        if at is None:
            return await self._change(name, disabled=None)
        async with self._database.write() as connection:
            person = select(users.c.id).where(users.c.name == name).scalar_subquery()
            mine = and_(logins.c.user_id == person, logins.c.revoked.is_(None))
            await connection.execute(update(logins).where(mine).values(revoked=at))
            await connection.execute(delete(enrolments).where(enrolments.c.user_id == person))
            changed = await connection.execute(update(users).where(users.c.name == name).values(disabled=at))
            return bool(changed.rowcount)

    async def remove(self, name: str) -> bool:
        """Remove somebody and all their logins. False when there is nobody of that name."""
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(users).where(users.c.name == name))).rowcount)

    async def put_enrolment(self, user_id: str, *, id: TokenId, digest: bytes, expires: int) -> None:
        """Keep somebody's enrolment link, in place of any earlier one."""
        async with self._database.write() as connection:
            await connection.execute(delete(enrolments).where(enrolments.c.user_id == user_id))
            row = {"user_id": user_id, "id": id, "digest": digest, "expires": expires}
            await connection.execute(insert(enrolments).values(row))

    async def vouched(self, row: UserRow) -> UserRow:
        """Find the person of `row`'s issuer and subject with its groups put in, or add them; return what there is.

        The name is the one of the first login for good: what is theirs belongs to it, and a provider that lets people
        choose their names lets them choose those of others. Raises `WhaleError` (login.name) when it is taken.
        """
        same = and_(users.c.issuer == row.issuer, users.c.subject == row.subject)
        async with self._database.write() as connection:
            found = (await connection.execute(select(users).where(same))).one_or_none()
            if found is None:
                await _add(connection, row)
                return row
            await connection.execute(update(users).where(same).values(groups=written_groups(row.groups)))
            return _row(found)._replace(groups=row.groups)

    async def _change(self, name: str, **values: object) -> bool:
        async with self._database.write() as connection:
            return bool((await connection.execute(update(users).where(users.c.name == name).values(values))).rowcount)


async def name_is_taken(connection: AsyncConnection, name: str) -> bool:
    """Tell whether a name is a person's. For the table of tokens, inside its own transaction."""
    return (await connection.execute(select(users.c.id).where(users.c.name == name))).first() is not None


async def _add(connection: AsyncConnection, row: UserRow) -> None:
    living: ColumnElement[bool] = or_(tokens.c.expires.is_(None), tokens.c.expires > row.created)
    token = select(tokens.c.id).where(tokens.c.name == row.name, tokens.c.revoked.is_(None), living)
    if (await connection.execute(token)).first() is not None:
        raise _taken(row.name, f"a token has it; `whale-server token revoke {row.name}` makes it free")
    try:
        await connection.execute(insert(users).values(row._asdict() | {"groups": written_groups(row.groups)}))
    except IntegrityError as error:
        raise _taken(row.name, "another person has it; `whale-server user list` shows all") from error


def _taken(name: str, detail: str) -> WhaleError:
    return WhaleError(
        f"the name {name} is in use already",
        code="login.name",
        hint="an administrator can make it free, or choose another one",
        detail=detail,
    )


def _row(found: Row[tuple[object, ...]]) -> UserRow:
    return UserRow(**found._mapping)._replace(groups=read_groups(str(found._mapping["groups"])))


def written_groups(groups: Collection[str]) -> str:
    """Write groups as the table has them. JSON: a directory's names may have any character."""
    return json.dumps(list(groups))


def read_groups(text: str) -> tuple[str, ...]:
    """Read what `written_groups` wrote."""
    return tuple(json.loads(text))
