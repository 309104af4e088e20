"""What lives by a token ends with it: sessions that it began, and its places in the sessions of others.

A server learns of a revocation, or that a token has expired, by asking its table again and again: the command that
revokes is another process. A table that can't be read changes nothing: the next answer counts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from whale.broker.trail import Trail
from whale.model.errors import WhaleError
from whale.model.ids import TokenId
from whale.model.limits import REVOCATION_INTERVAL, REVOCATION_TIMEOUT
from whale.session.registry import Registry
from whale.session.session import Session

REASON = "auth.revoked"

_log = structlog.get_logger("whale.broker")


class ValidTokens(Protocol):
    """The part of the token table that is needed here."""

    async def valid(self, ids: Collection[TokenId], *, at: int) -> Collection[TokenId]:
        """Which of these tokens are neither revoked nor expired."""
        ...


class Revocation:
    """One per server. `watching` runs it."""

    def __init__(
        self,
        table: ValidTokens,
        registry: Registry,
        *,
        clock: Callable[[], float] = time.time,
        trail: Trail | None = None,
    ) -> None:
        self._table = table
        self._registry = registry
        self._clock = clock
        self._trail = trail or Trail()
        self._is_blind = False
        """True when the table could not be read, which has been said."""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look now and again until the end of the block."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._watch(), name="revocation")
            try:
                yield
            finally:
                task.cancel()

    async def _watch(self) -> None:
        while True:
            await self.check()
            await asyncio.sleep(REVOCATION_INTERVAL)

    async def check(self) -> None:
        """End what lives by tokens that are not valid any more."""
        used = {token for session in self._sessions() for token in _tokens(session)}
        if not used:
            return
        try:
            async with asyncio.timeout(REVOCATION_TIMEOUT):
                revoked = used.difference(await self._table.valid(used, at=int(self._clock())))
        except (WhaleError, TimeoutError) as error:
            if not self._is_blind:
                self._is_blind = True
                _log.error("revocation.not_checked", error=str(error) or "the token table did not answer in time")
            return
        self._is_blind = False
        for session in self._sessions() if revoked else ():
            self._revoke(session, revoked)

    def _revoke(self, session: Session, revoked: Collection[TokenId]) -> None:
        if session.decision.principal.token_id in revoked and not session.is_over:
            _log.warning("session.revoked", session=session.id, principal=session.owner)
            self._trail.revoked(session.decision.principal, session, REASON)
            session.end(reason=REASON)
        for member in session.audience.members:
            if member.principal.token_id in revoked:
                _log.warning("attachment.revoked", session=session.id, principal=member.principal.name)
                self._trail.revoked(member.principal, session, REASON)
                member.revoke()

    def _sessions(self) -> list[Session]:
        return [session for session in self._registry.sessions() if not session.is_abandoned]


def _tokens(session: Session) -> set[TokenId]:
    return {session.decision.principal.token_id, *(member.principal.token_id for member in session.audience.members)}
