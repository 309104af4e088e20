"""Every use case, in the order that keeps it safe: who, what, which container, may they, then do it."""

from collections.abc import AsyncGenerator
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
        self, principal: Principal, reference: str, spec: ExecSpec, *, window: int = WINDOW_PIPE
    ) -> Attachment:
        """Start a command or a shell in a container and attach the caller as its controller.

        `window` is how many bytes of one stream the caller lets be unacknowledged. The caller must `close` the
        attachment. Raises `UsageError`, `TargetError`, `AccessDenied`, `ExecError`,
        `SessionError` and `EngineError`; nothing is left behind then.
        """
        spec = check_spec(spec)
        container = await find_container(self._engine, reference)
        action = Action.EXEC if spec.command else Action.SHELL
        decision = self._decide(principal, action, container, spec)
        require_running(container)
        # By id from here on: a name could belong to another container by now.
        attachment = self._registry.create(self._engine, container, spec, decision=decision, window=window)
        try:
            await _started(attachment)
        except BaseException:
            attachment.close()
            raise
        session = attachment.session
        _log.info(
            "session.opened",
            session=session.id,
            principal=principal.name,
            container=container.id,
            action=action.value,
            tty=spec.tty,
        )
        return attachment

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
    session = attachment.session
    await session.wait_started()
    if session.failure is not None:
        raise session.failure
    if session.is_over and session.status is not None and session.status.is_lost:
        raise SessionError("the session ended before it began", code=session.status.reason)
