"""What lives by a token ends with it: sessions that it began, its places in the sessions of others, logs it follows.

So does what lives by a right that is not given any more (review.py).

A server learns of a revocation, or that a token has expired, by asking its table again and again: the command that
revokes is another process. A table that can't be read changes nothing: the next answer counts.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Protocol

import structlog

from whale.broker.readers import Readers
from whale.broker.review import Groups, Review
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

    async def valid(self, ids: Collection[TokenId], *, at: int) -> Mapping[TokenId, tuple[str, ...]]:
        """Which of these tokens are neither revoked nor expired, and the groups they have now."""
        ...


class StoredApprovals(Protocol):
    """What was allowed by somebody: `whale.broker.approvals` has the real ones."""

    async def load(self) -> None:
        """Read again what runs."""
        ...

    def expire(self) -> None:
        """Note what has ended by itself."""
        ...


class Revocation:
    """One per server. `watching` runs it."""

    def __init__(
        self,
        table: ValidTokens,
        registry: Registry,
        readers: Readers,
        review: Review,
        approvals: StoredApprovals,
        *,
        clock: Callable[[], float] = time.time,
        trail: Trail | None = None,
    ) -> None:
        self._table = table
        self._registry = registry
        self._readers = readers
        self._review = review
        self._approvals = approvals
        self._clock = clock
        self._groups: Groups = {}
        """Of the tokens that live sessions depend on, when they were last read."""
        self._wake = asyncio.Event()
        self._trail = trail or Trail()
        self._is_blind = False
        """True when the table could not be read, which has been said."""

    @contextlib.asynccontextmanager
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
            self._wake.clear()
            await self.check()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REVOCATION_INTERVAL):
                    await self._wake.wait()

    def look_now(self) -> None:
        """Do not wait for the next look: other rules are in force."""
        self._wake.set()

    async def check(self) -> None:
        """End what lives by tokens that are not valid any more, or by rights that are not given any more."""
        self._approvals.expire()
        used = self._readers.tokens().union(*map(_tokens, self._sessions()))
        if not used:
            return
        if any(session.decision.approval for session in self._sessions()):
            await self._reread_approvals()
        if await self._read(used):
            revoked = used.difference(self._groups)
            for session in self._sessions() if revoked else ():
                self._revoke(session, revoked)
            for right in self._readers.revoke(revoked):
                _log.warning("reader.revoked", principal=right.principal.name)
                self._trail.reader_revoked(right.principal, right.action, right.container, REASON)
        await self._review.check(self._groups)

    async def _reread_approvals(self) -> None:
        """Another server on the same database may have ended one. What was known stands when that can't be read."""
        try:
            async with asyncio.timeout(REVOCATION_TIMEOUT):
                await self._approvals.load()
        except (WhaleError, TimeoutError) as error:
            _log.error("approvals.not_read", error=str(error) or "the table did not answer in time")

    async def _read(self, used: Collection[TokenId]) -> bool:
        """Ask the table. What it said before stands when it does not answer."""
        try:
            async with asyncio.timeout(REVOCATION_TIMEOUT):
                self._groups = await self._table.valid(used, at=int(self._clock()))
        except (WhaleError, TimeoutError) as error:
            if not self._is_blind:
                self._is_blind = True
                _log.error("revocation.not_checked", error=str(error) or "the token table did not answer in time")
            return False
        self._is_blind = False
        return True

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
