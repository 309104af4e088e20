"""Every use case, in the order that keeps it safe: who, what, which container, may they, then do it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

import structlog

from whale.access.guard import check_spec
from whale.access.policy import Policy
from whale.broker.resolve import find_container, require_running
from whale.engine.seam import Engine, EngineInfo
from whale.model.container import Container
from whale.model.errors import AccessDenied, SessionError
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import WINDOW_PIPE
from whale.model.principal import Action, Decision, Principal
from whale.session.attachment import Attachment
from whale.session.registry import Registry
from whale.session.session import Session

NOTHING = {Stream.STDOUT: 0, Stream.STDERR: 0}
"""What a client has received that was never told that its session began."""

_log = structlog.get_logger("whale.broker")


class Authenticator(Protocol):
    """Turns a credential into a principal: `whale.access.authenticator` has the real one."""

    async def authenticate(self, header: str | None) -> Principal:
        """Raises `AuthenticationError`, or `WhaleError` with code auth.unavailable."""
        ...


class Broker:
    """One per server. Every method that acts for someone takes the principal first."""

    def __init__(self, *, engine: Engine, authenticator: Authenticator, policy: Policy, registry: Registry) -> None:
        self._engine = engine
        self._authenticator = authenticator
        self._policy = policy
        self._registry = registry

    async def authenticate(self, header: str | None) -> Principal:
        """Find out who asks, from the `Authorization` header. Doors call this before they look at anything else."""
        return await self._authenticator.authenticate(header)

    async def engine_info(self) -> EngineInfo:
        """Ask the engine what it is. Raises `EngineUnavailable`."""
        return await self._engine.info()

    async def containers(self, principal: Principal, *, all: bool) -> list[Container]:
        """List the containers the principal may see."""
        self._decide(principal, Action.LIST, None, None)
        return await self._engine.containers(all=all)

    async def logs(
        self, principal: Principal, reference: str, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """Open a container's own log. The caller iterates, and closes the iterator when it stops earlier."""
        container = await find_container(self._engine, reference)
        self._decide(principal, Action.LOGS, container, None)
        return self._engine.logs(container.id, follow=follow, tail=tail)

    async def open_session(
        self, principal: Principal, reference: str, spec: ExecSpec, *, window: int = WINDOW_PIPE, attachment: str = ""
    ) -> Attachment:
        """Start a command or a shell in a container and attach the caller as its controller.

        `window` is how many bytes of one stream the caller lets be unacknowledged. With the id of an `attachment`,
        which the caller made up, the session waits for a caller whose connection breaks, and is found again instead
        of started a second time. The caller must `close` or `lose` what it gets. Raises `UsageError`, `TargetError`,
        `AccessDenied`, `ExecError`, `SessionError` and `EngineError`; nothing is left behind then.
        """
        if attachment and (known := self._registry.find(principal, attachment)) is not None:
            return await self._resume(principal, known, received=NOTHING, consumed=NOTHING)
        spec = check_spec(spec)
        container = await find_container(self._engine, reference)
        action = Action.EXEC if spec.command else Action.SHELL
        decision = self._decide(principal, action, container, spec)
        require_running(container)
        # By id from here on: a name could belong to another container by now.
        attached = self._registry.create(
            self._engine, container, spec, decision=decision, window=window, attachment=attachment
        )
        await _started(attached)
        session = attached.session
        _log.info(
            "session.opened",
            session=session.id,
            principal=principal.name,
            container=container.id,
            action=action.value,
            tty=spec.tty,
        )
        return attached

    async def resume_session(
        self, principal: Principal, attachment: str, *, received: Mapping[Stream, int], consumed: Mapping[Stream, int]
    ) -> Attachment:
        """Attach a caller again whose connection broke, at the bytes it has `received`; it is done with the `consumed`.

        The caller must `close` or `lose` the attachment. Raises `SessionError`, `AccessDenied`, `ProtocolError` for
        bytes that were never sent, and what `open_session` raises for a command that did not start.
        """
        found = self._registry.find(principal, attachment)
        if found is None:
            raise SessionError("the session is over, or there never was one", code="session.gone")
        return await self._resume(principal, found, received=received, consumed=consumed)

    def give_up_session(self, principal: Principal, attachment: str) -> None:
        """End a session whose caller left for good while it was being opened or resumed; None is no failure."""
        found = self._registry.find(principal, attachment)
        if found is not None:
            found.give_up()

    async def _resume(
        self, principal: Principal, session: Session, *, received: Mapping[Stream, int], consumed: Mapping[Stream, int]
    ) -> Attachment:
        # The answer may have changed since the session began.
        self._decide(principal, session.decision.action, session.container, session.spec)
        resumed = session.resume(received=received, consumed=consumed)
        try:
            await session.wait_started()  # the connection may have broken before it had
        except asyncio.CancelledError:
            resumed.lose()
            raise
        _log.info("session.resumed", session=session.id, principal=principal.name)
        return resumed

    def _decide(
        self, principal: Principal, action: Action, container: Container | None, spec: ExecSpec | None
    ) -> Decision:
        decision = self._policy.decide(principal, action, container, spec)
        if not decision.allowed:
            _log.warning(
                "access.denied",
                principal=principal.name,
                action=action.value,
                container=container.id if container else None,
                reason=decision.reason,
            )
            raise AccessDenied("the policy does not allow this", hint=decision.reason)
        return decision


async def _started(attachment: Attachment) -> None:
    """Wait until the command runs. Lets go of the attachment when it does not, or when nobody waits any more."""
    try:
        await attachment.session.wait_started()
        _check_started(attachment.session)
    except asyncio.CancelledError:
        attachment.lose()  # the connection broke meanwhile; the caller may come back
        raise
    except BaseException:
        attachment.close()
        raise


def _check_started(session: Session) -> None:
    if session.failure is not None:
        raise session.failure
    if session.is_over and session.status is not None and session.status.is_lost:
        raise SessionError("the session ended before it began", code=session.status.reason)
