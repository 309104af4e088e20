"""The use cases that need no session: who is it, what is there, what did it log."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from whale.access.attempts import Attempt, Attempts
from whale.access.guard import check_spec
from whale.access.tickets import Purpose, Tickets
from whale.audit.event import Kind, as_written
from whale.broker.decide import decide
from whale.broker.readers import End, Readers, Right
from whale.broker.resolve import find_container
from whale.broker.trail import Trail
from whale.broker.visible import visible
from whale.engine.seam import Engine, EngineInfo
from whale.model.audit import AuditQuery, AuditRow
from whale.model.container import Container
from whale.model.errors import AuthenticationError, UsageError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.principal import Action, Decision, Principal
from whale.model.secret import Secret
from whale.model.source import SOURCE
from whale.policy.seam import Policy


class Authenticator(Protocol):
    """Turns a credential into a principal: `whale.access.authenticator` has the real one."""

    async def authenticate(self, header: str | None) -> Principal:
        """Raises `AuthenticationError`, or `WhaleError` with code auth.unavailable."""
        ...

    async def recheck(self, principal: Principal) -> Principal:
        """The principal as it is now. Raises as `authenticate` does when it is none any more."""
        ...


class AuditReader(Protocol):
    """Searches the audit trail: `whale.store.audit` has the real one."""

    async def search(self, query: AuditQuery, *, text: str = "") -> Sequence[AuditRow]:
        """The events that fit, newest first. Raises `WhaleError`."""
        ...


class ContainerLog(NamedTuple):
    """A log that somebody may read, for as long as they may."""

    right: Right
    pieces: AsyncGenerator[tuple[Stream, bytes], None]


class Broker:
    """One per server. Every method that acts for someone takes the principal first."""

    def __init__(
        self,
        *,
        engine: Engine,
        authenticator: Authenticator,
        policy: Policy,
        trail: Trail | None = None,
        audit: AuditReader | None = None,
        readers: Readers | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self._engine = engine
        self._authenticator = authenticator
        self._policy = policy
        self._trail = trail or Trail()
        self._audit = audit
        self.attempts = attempts or Attempts()
        """How often credentials were wrong, whatever they are: who looks at one asks here first."""
        self._tickets = Tickets()
        self.readers = readers or Readers()
        """Who follows logs, for `Revocation`."""

    async def authenticate(self, header: str | None) -> Principal:
        """Find out who asks, from the `Authorization` header. Doors call this before they look at anything else.

        Raises as the authenticator does, and `TooManyAttempts` when too many were wrong before.
        """
        try:
            async with self.attempts.judging(SOURCE.get(), header):
                return await self._authenticator.authenticate(header)
        except WhaleError as error:
            self._trail.refused(header, error)
            raise

    def issue_ticket(self, principal: Principal, purpose: Purpose, *, origin: str) -> Secret:
        """Make a ticket that stands in for the principal's credential once."""
        self._trail.ticket(Kind.TICKET_ISSUED, principal, purpose)
        return self._tickets.issue(principal, purpose, origin=origin)

    async def redeem_ticket(self, text: str, purpose: Purpose, *, origin: str) -> Principal:
        """Find out who asks, from a ticket. Raises as `authenticate` does."""
        attempt = Attempt(SOURCE.get(), "", text)
        try:
            await self.attempts.admit(attempt)
            principal = await self._authenticator.recheck(self._tickets.redeem(text, purpose, origin=origin))
        except WhaleError as error:
            if isinstance(error, AuthenticationError):
                self.attempts.failed(attempt, is_spent=error.is_spent)
            self._trail.refused(None, error)
            raise
        self._trail.ticket(Kind.TICKET_USED, principal, purpose)
        return principal

    async def engine_info(self) -> EngineInfo:
        """Ask the engine what it is. Raises `EngineUnavailable`."""
        return await self._engine.info()

    async def containers(self, principal: Principal, *, all: bool) -> list[Container]:
        """List the containers the principal may see."""
        found = await visible(self._policy, principal, await self._engine.containers(all=all))
        self._trail.listed(principal, len(found))
        return found

    async def can(
        self, principal: Principal, action: Action, reference: str, spec: ExecSpec
    ) -> tuple[Decision, tuple[str, ...]]:
        """Say what would be decided about the principal's own request, and what is missing. Does nothing else.

        Raises `TargetError` as the request itself would.
        """
        container = await find_container(self._engine, self._policy, principal, reference, trail=self._trail)
        try:
            spec = check_spec(spec)
        except UsageError as error:
            return Decision(False, action, principal, error.message), (error.hint,)
        decision = self._policy.decide(principal, action, container, spec)
        return decision, self._policy.missing(decision)

    async def logs(self, principal: Principal, reference: str, *, follow: bool, tail: int | None) -> ContainerLog:
        """Open a container's own log. The caller iterates over its pieces, and closes them when it stops earlier."""
        with self._trail.asking(principal, Action.LOGS, reference):
            container = await find_container(self._engine, self._policy, principal, reference, trail=self._trail)
        decision = decide(self._policy, principal, Action.LOGS, container, None, trail=self._trail)
        self._trail.allowed(decision, container)
        pieces = self._engine.logs(container.id, follow=follow, tail=tail)
        return ContainerLog(Right(principal, Action.LOGS, container), pieces)

    def reading(self, log: ContainerLog, on_end: End) -> AbstractContextManager[None]:
        """Read a log in the block; `on_end` is called there, once, with why, when the principal may not any more."""
        return self.readers.reading(log.right, on_end)

    async def audit(self, principal: Principal, query: AuditQuery) -> Sequence[AuditRow]:
        """Search the audit trail, newest first; that somebody did is in it too."""
        self._trail.allowed(decide(self._policy, principal, Action.AUDIT_READ, None, None, trail=self._trail), None)
        return await self._audit.search(query, text=as_written(query.text)) if self._audit is not None else ()
