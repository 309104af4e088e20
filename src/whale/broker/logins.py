"""The use cases of people: exchange an enrolment link, refresh a login, end it.

Whoever shows a credential here has no other one: doors hand over the `Authorization` header and decide nothing.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import structlog

from whale.access.attempts import Attempts
from whale.access.authenticator import token_of
from whale.access.rotation import Verdict, judge
from whale.access.tokens import create_token, verify_token
from whale.broker.trail import Trail
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.ids import TokenId
from whale.model.limits import ACCESS_LIFETIME, LOGIN_LIFETIME
from whale.model.secret import Secret
from whale.model.source import SOURCE
from whale.store.logins import REFRESH, LoginTable, LoginToken, Turn

ATTEMPTS: Final = 3
"""Times that a refresh is looked at anew because another one came first."""

_log = structlog.get_logger("whale.broker")


class Granted(NamedTuple):
    """The tokens of a login, each shown this once. `expires_in` is seconds until the access token is good no more."""

    name: str
    access: Secret
    refresh: Secret
    expires_in: int


class Logins:
    """One per server."""

    def __init__(
        self,
        table: LoginTable,
        *,
        trail: Trail | None = None,
        attempts: Attempts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._attempts = attempts or Attempts()
        self._trail = trail or Trail()
        self._clock = clock

    async def enrol(self, header: str | None) -> Granted:
        """Exchange an enrolment link, which is good once, for a login. Raises `AuthenticationError`."""
        async with self._noting(header):
            now = int(self._clock())
            shown = token_of(header)
            row = await self._table.enrolment(shown.id)
            verify_token(shown, row, now=now)
            assert row is not None
            granted = await self._begin(row.user_id, row.name, LOGIN_LIFETIME, "enrolment link", enrolment=row.id)
            if granted is None:
                raise AuthenticationError(
                    "the link was used already", hint="ask an administrator for a new one", is_spent=True
                )
            return granted

    async def begin(self, user_id: str, name: str, *, lifetime: int, by: str) -> Granted:
        """Begin a login of somebody who has proved who they are, as `by` says."""
        granted = await self._begin(user_id, name, lifetime, by)
        assert granted is not None
        return granted

    async def refresh(self, header: str | None) -> Granted:
        """Exchange a refresh token for the next two tokens.

        Raises `AuthenticationError`: auth.reused when the token was used before, which ends the login.
        """
        async with self._noting(header):
            return await self._refresh(header)

    async def logout(self, header: str | None) -> None:
        """End the login that a refresh token belongs to; one that is over already is none. Raises as `refresh`."""
        async with self._noting(header):
            shown = token_of(header)
            row = await self._table.token(shown.id, REFRESH)
            verify_token(shown, row._replace(revoked=None) if row is not None else None, now=int(self._clock()))
            assert row is not None
            if await self._table.revoke(row.login_id, at=int(self._clock())):
                self._trail.logged_out(row.name, row.login_id)

    async def _refresh(self, header: str | None) -> Granted:
        shown, now = token_of(header), int(self._clock())
        for _ in range(ATTEMPTS):
            row = await self._table.token(shown.id, REFRESH)
            verify_token(shown, row, now=now)
            assert row is not None
            verdict = judge(row, now=now)
            if verdict is Verdict.REUSED:
                await self._end_reused(row, now)
            granted, turn = _new_turn(row.name, now)
            is_taken = await (
                self._table.rotate(row, turn, at=now) if verdict is Verdict.ROTATE else self._table.repeat(row, turn)
            )
            if is_taken:
                return granted
        raise WhaleError(
            "the login is being refreshed by others all the time", code="auth.unavailable", hint="try again"
        )

    async def _end_reused(self, row: LoginToken, now: int) -> None:
        if await self._table.revoke(row.login_id, at=now):
            _log.warning("login.reused", principal=row.name, login=row.login_id)
            self._trail.login_reused(row.name, row.login_id)
        raise AuthenticationError(
            "this login was refreshed from two places, and has ended",
            code="auth.reused",
            is_spent=True,
            hint="log in again; if it was not you, tell an administrator: somebody may have a copy of your login",
        )

    async def _begin(
        self, user_id: str, name: str, lifetime: int, by: str, *, enrolment: TokenId | None = None
    ) -> Granted | None:
        now = int(self._clock())
        login = create_token().id
        granted, turn = _new_turn(name, now)
        ended = await self._table.begin(login, user_id, turn, at=now, expires=now + lifetime, enrolment=enrolment)
        if ended is None:
            return None
        _log.info("login.begun", principal=name, login=login, by=by)
        self._trail.logged_in(name, login, by)
        for each in ended:
            _log.info("login.displaced", principal=name, login=each)
            self._trail.login_displaced(name, each)
        return granted

    @asynccontextmanager
    async def _noting(self, header: str | None) -> AsyncIterator[None]:
        try:
            async with self._attempts.judging(SOURCE.get(), header):
                yield
        except WhaleError as error:
            self._trail.refused(header, error)
            raise


def _new_turn(name: str, now: int) -> tuple[Granted, Turn]:
    access, refresh = create_token(), create_token()
    turn = Turn(access.id, access.digest, refresh.id, refresh.digest, now + ACCESS_LIFETIME)
    return Granted(name, access.text, refresh.text, ACCESS_LIFETIME), turn
