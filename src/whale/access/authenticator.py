"""From an `Authorization` header to a principal. Never lets anyone in when the token table can't be read.

The table is read on every request, so that a revoked token stops working at once on a running server.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Protocol, TypeVar

import structlog

from whale.access.tokens import ParsedToken, StoredToken, parse_token, verify_token
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.ids import TokenId
from whale.model.principal import Principal

TABLE_TIMEOUT: Final = 10.0
"""Seconds the token table has to answer; longer than a database waits for a lock."""

TOUCH_TIMEOUT: Final = 1.0
"""Seconds a request may be held up by noting that its token was used."""

TOUCH_INTERVAL: Final = 60
"""Seconds between two notes of a token's last use: more would make every request a write."""

MAX_HEADER: Final = 4096
"""Longest header looked at, in characters."""

_log = structlog.get_logger("whale.access")

_T = TypeVar("_T")


class TokenTable(Protocol):
    """Where tokens are kept. Raises `WhaleError` when it can't answer."""

    async def get(self, token_id: TokenId) -> StoredToken | None:
        """Look up one token by its public id, revoked and expired ones included."""
        ...

    async def touch(self, token_id: TokenId, *, at: int) -> object:
        """Note that a token was used, in Unix seconds."""
        ...

    async def valid(self, ids: Collection[TokenId], *, at: int) -> Mapping[TokenId, tuple[str, ...]]:
        """Which of these, tokens or logins, are good at that time, and the groups they give now."""
        ...


class Authenticator:
    """Checks bearer tokens. One per server; safe to use from many requests at once."""

    def __init__(self, table: TokenTable, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._touched: dict[TokenId, int] = {}

    async def authenticate(self, header: str | None) -> Principal:
        """Turn the value of the `Authorization` header into a principal.

        Raises `AuthenticationError` (auth.missing, auth.invalid) for the caller's fault and `WhaleError` with
        code auth.unavailable when the table fails or is too slow. The caller answers with the code's outcome
        and looks at nothing else of the request.
        """
        token = token_of(header)
        now = int(self._clock())
        stored = verify_token(token, await self._answer(self._table.get(token.id)), now=now)
        await self._note_use(stored, now)
        return Principal(
            name=stored.name,
            token_id=stored.lives_by,
            groups=stored.groups,
            kind=stored.kind,
            scope=stored.scope,
        )

    async def recheck(self, principal: Principal) -> Principal:
        """Ask whether a principal that was authenticated before still is one, and with which groups.

        Raises `AuthenticationError`, and `WhaleError` with code auth.unavailable.
        """
        lives_by = principal.token_id
        good = await self._answer(self._table.valid([lives_by], at=int(self._clock())))
        if lives_by not in good:
            raise AuthenticationError(
                "the credential was revoked, or has expired", hint="ask for a new token, or log in again", is_spent=True
            )
        return principal._replace(groups=good[lives_by])

    async def _answer(self, asked: Awaitable[_T]) -> _T:
        """Wait for the table, but not for ever."""
        try:
            async with asyncio.timeout(TABLE_TIMEOUT):
                return await asked
        except (WhaleError, TimeoutError) as error:
            raise WhaleError(
                "credentials can't be checked at the moment",
                code="auth.unavailable",
                hint="try again; if it lasts, the server's log says why",
                detail=str(error) or "the token table did not answer in time",
            ) from error

    async def _note_use(self, stored: StoredToken, now: int) -> None:
        last = max(stored.last_used or 0, self._touched.get(stored.id, 0))
        if now - last < TOUCH_INTERVAL:
            return
        # Remembered before the write: a table that can't be written is asked once a minute, not every time.
        self._touched = {key: at for key, at in self._touched.items() if now - at < TOUCH_INTERVAL}
        self._touched[stored.id] = now
        try:
            async with asyncio.timeout(TOUCH_TIMEOUT):
                await self._table.touch(stored.id, at=now)
        except (WhaleError, TimeoutError) as error:
            reason = str(error) or "the token table did not answer in time"
            _log.warning("token.last_used_not_noted", principal=stored.name, reason=reason)


def token_of(header: str | None) -> ParsedToken:
    """Read the token in an `Authorization` header, unchecked. Raises `AuthenticationError`."""
    token = parse_token(bearer(header))
    if token is None:
        raise AuthenticationError("the credential is not a whale token", hint="a token starts with whale_")
    return token


def bearer(header: str | None, *, most: int = MAX_HEADER) -> str:
    """Take the credential of up to `most` characters out of a header. Raises `AuthenticationError`."""
    if header is None or not header.strip():
        raise AuthenticationError(
            "no credential was given",
            code="auth.missing",
            hint="log in with `whale login`, or set WHALE_TOKEN",
        )
    scheme, _, credential = header.strip().partition(" ")
    credential = credential.strip()
    if len(header) > most or scheme.lower() != "bearer" or not credential:
        raise AuthenticationError(
            "the Authorization header is not understood", hint="send `Authorization: Bearer <token>`"
        )
    return credential
