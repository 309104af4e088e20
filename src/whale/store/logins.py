"""The tables of logins: which tokens came from each, and which of them were used. Keeps digests only."""

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Select, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from whale.model.ids import TokenId
from whale.model.limits import MAX_LOGINS_EACH
from whale.model.principal import PrincipalKind, Scope
from whale.store.database import Database
from whale.store.schema import enrolments, login_tokens, logins, users
from whale.store.users import read_groups

ACCESS, REFRESH = "access", "refresh"

KEPT_AFTER_END = 30 * 86400
"""Seconds that a login which is over stays in the table, so that what is tried with its tokens has a name."""


def _token_of_login() -> Select[tuple[object, ...]]:
    others = login_tokens.alias()
    of_newest = and_(others.c.login_id == logins.c.id, others.c.turn == logins.c.turn)
    answer = select(others.c.id).where(of_newest, others.c.used.is_not(None)).exists()
    found: Select[tuple[object, ...]] = select(
        login_tokens,
        users.c.name,
        users.c.groups,
        users.c.disabled,
        logins.c.user_id,
        logins.c.revoked,
        logins.c.expires.label("ends"),
        logins.c.turn.label("newest"),
        answer.label("is_answer_used"),
    )
    found = found.join(logins, logins.c.id == login_tokens.c.login_id).join(users, users.c.id == logins.c.user_id)
    is_it = (login_tokens.c.id == bindparam("token"), login_tokens.c.purpose == bindparam("of_purpose"))
    return found.where(*is_it)


# Made once: making it takes longer than the database does, and each request asks.
_TOKEN: Final = _token_of_login()


class LoginToken(NamedTuple):
    """A token of a login, or an enrolment link, with what decides whether it is good. Times are Unix seconds."""

    id: TokenId
    name: str
    digest: bytes
    expires: int
    revoked: int | None
    last_used: int | None
    groups: tuple[str, ...]
    user_id: str
    login_id: TokenId
    turn: int = 0
    newest: int = 0
    """The last turn of the login."""
    is_answer_used: bool = False
    """True when a token of that turn was used: whoever got it is there."""

    @property
    def lives_by(self) -> TokenId:
        """What must be good for as long as what was begun with this: the login, and not one of its tokens."""
        return self.login_id

    @property
    def kind(self) -> PrincipalKind:
        """Logins are people's."""
        return PrincipalKind.USER

    @property
    def scope(self) -> Scope | None:
        """A login takes nothing away from what its person may."""
        return None


class Turn(NamedTuple):
    """The two tokens of one turn, for the table. `expires` is that of the access token."""

    access: TokenId
    access_digest: bytes
    refresh: TokenId
    refresh_digest: bytes
    expires: int


class LoginTable:
    """Queries on the logins of one database. All raise `WhaleError` when it fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enrolment(self, token_id: TokenId) -> LoginToken | None:
        """Look up an enrolment link by its public id."""
        statement = (
            select(enrolments, users.c.name, users.c.groups, users.c.disabled)
            .join(users, users.c.id == enrolments.c.user_id)
            .where(enrolments.c.id == token_id)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(statement)).one_or_none()
        if found is None:
            return None
        groups = read_groups(found.groups)
        return LoginToken(
            token_id, found.name, found.digest, found.expires, found.disabled, None, groups, found.user_id, token_id
        )

    async def begin(
        self, login_id: TokenId, user_id: str, turn: Turn, *, at: int, expires: int, enrolment: TokenId | None = None
    ) -> Collection[TokenId] | None:
        """Begin a login with its first turn. None when the enrolment link it is for was used meanwhile.

        Returns the person's logins that ended because there are too many: those that were not used for longest.
        """
        async with self._database.write() as connection:
            if enrolment is not None:
                used = await connection.execute(delete(enrolments).where(enrolments.c.id == enrolment))
                if not used.rowcount:
                    return None
            await connection.execute(delete(logins).where(logins.c.expires < at - KEPT_AFTER_END))
            login = {"id": login_id, "user_id": user_id, "created": at, "expires": expires, "turn": 1}
            await connection.execute(insert(logins).values(login))
            await connection.execute(update(users).where(users.c.id == user_id).values(last_login=at))
            await _put(connection, login_id, turn, number=1, login_expires=expires)
            return await _end_unused(connection, user_id, at, but=login_id)

    async def token(self, token_id: TokenId, purpose: str) -> LoginToken | None:
        """Look up a token of a login by its public id, the used, expired and revoked ones too."""
        async with self._database.read() as connection:
            found = (await connection.execute(_TOKEN, {"token": token_id, "of_purpose": purpose})).one_or_none()
        if found is None:
            return None
        return LoginToken(
            token_id,
            found.name,
            found.digest,
            min(found.expires, found.ends),
            found.revoked or found.disabled,
            found.used,
            read_groups(found.groups),
            found.user_id,
            TokenId(found.login_id),
            found.turn,
            found.newest,
            bool(found.is_answer_used),
        )

    async def rotate(self, shown: LoginToken, turn: Turn, *, at: int) -> bool:
        """Take the next turn of a login, for its newest refresh token that was shown.

        False when another request took a turn since it was looked up: then look again.
        """
        async with self._database.write() as connection:
            if not await _next_turn(connection, shown):
                return False
            mine = login_tokens.c.login_id == shown.login_id
            expired = and_(mine, login_tokens.c.purpose == ACCESS, login_tokens.c.expires <= at)
            await connection.execute(delete(login_tokens).where(expired))
            await connection.execute(update(login_tokens).where(login_tokens.c.id == shown.id).values(used=at))
            await _put(connection, shown.login_id, turn, number=shown.newest + 1, login_expires=shown.expires)
        return True

    async def repeat(self, shown: LoginToken, turn: Turn) -> bool:
        """Take a turn in place of the newest one, whose answer was lost, for the refresh token before it.

        The tokens of that turn are good no more; to use one is to use a stolen one. False as in `rotate`.
        """
        async with self._database.write() as connection:
            if not await _next_turn(connection, shown):
                return False
            lost = and_(login_tokens.c.login_id == shown.login_id, login_tokens.c.turn == shown.newest)
            await connection.execute(delete(login_tokens).where(lost, login_tokens.c.purpose == ACCESS))
            # At no time that a client could have used it: nothing excuses the one who shows it.
            await connection.execute(update(login_tokens).where(lost).values(used=0))
            again = update(login_tokens).where(login_tokens.c.id == shown.id).values(turn=shown.newest)
            await connection.execute(again)
            await _put(connection, shown.login_id, turn, number=shown.newest + 1, login_expires=shown.expires)
        return True

    async def revoke(self, login_id: TokenId, *, at: int) -> bool:
        """End a login with all its tokens. False when it is over already."""
        statement = update(logins).where(logins.c.id == login_id, logins.c.revoked.is_(None)).values(revoked=at)
        async with self._database.write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def valid(self, ids: Collection[TokenId], *, at: int) -> dict[TokenId, tuple[str, ...]]:
        """Which of these logins are good at that time, and the groups that their people have now."""
        statement = (
            select(logins.c.id, users.c.groups)
            .join(users, users.c.id == logins.c.user_id)
            .where(logins.c.id.in_(ids), logins.c.revoked.is_(None), logins.c.expires > at, users.c.disabled.is_(None))
        )
        async with self._database.read() as connection:
            found = await connection.execute(statement)
            return {TokenId(each): read_groups(groups) for each, groups in found}

    async def touch(self, token_id: TokenId, *, at: int) -> None:
        """Note that an access token was used: so its turn reached who asked for it."""
        older = or_(login_tokens.c.used.is_(None), login_tokens.c.used < at)
        statement = update(login_tokens).where(login_tokens.c.id == token_id, older).values(used=at)
        async with self._database.write() as connection:
            await connection.execute(statement.where(login_tokens.c.purpose == ACCESS))


async def _end_unused(connection: AsyncConnection, user_id: str, at: int, *, but: TokenId) -> list[TokenId]:
    """End what a person has beyond MAX_LOGINS_EACH, and return it."""
    last_used = func.coalesce(func.max(login_tokens.c.used), 0)
    living = (logins.c.user_id == user_id, logins.c.revoked.is_(None), logins.c.expires > at, logins.c.id != but)
    # To begin one is to use it, and a token that was taken back has the time 0.
    last = case((last_used > logins.c.created, last_used), else_=logins.c.created)
    found = await connection.execute(
        select(logins.c.id)
        .outerjoin(login_tokens, login_tokens.c.login_id == logins.c.id)
        .where(*living)
        .group_by(logins.c.id, logins.c.created)
        .order_by(last.desc(), logins.c.created.desc(), logins.c.id)
        .offset(MAX_LOGINS_EACH - 1)
    )
    ended = [TokenId(each) for each in found.scalars()]
    await connection.execute(update(logins).where(logins.c.id.in_(ended)).values(revoked=at))
    return ended


async def _next_turn(connection: AsyncConnection, shown: LoginToken) -> bool:
    """Move on by one turn, if nobody else did: of two at the same moment the database lets one through."""
    here = and_(logins.c.id == shown.login_id, logins.c.turn == shown.newest, logins.c.revoked.is_(None))
    return bool((await connection.execute(update(logins).where(here).values(turn=shown.newest + 1))).rowcount)


async def _put(connection: AsyncConnection, login_id: TokenId, turn: Turn, *, number: int, login_expires: int) -> None:
    common = {"login_id": login_id, "turn": number}
    rows = [
        {"id": turn.access, "purpose": ACCESS, "digest": turn.access_digest, "expires": turn.expires, **common},
        {"id": turn.refresh, "purpose": REFRESH, "digest": turn.refresh_digest, "expires": login_expires, **common},
    ]
    await connection.execute(insert(login_tokens), rows)
