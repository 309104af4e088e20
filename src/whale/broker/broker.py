"""The use cases that need no session: who is it, what is there, what did it log."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from whale.broker.decide import decide
from whale.broker.readers import Readers
from whale.broker.resolve import find_container
from whale.broker.visible import visible
from whale.engine.seam import Engine, EngineInfo
from whale.model.container import Container
from whale.model.exec import Stream
from whale.model.principal import Action, Principal
from whale.policy.seam import Policy


class Authenticator(Protocol):
    """Turns a credential into a principal: `whale.access.authenticator` has the real one."""

    async def authenticate(self, header: str | None) -> Principal:
        """Raises `AuthenticationError`, or `WhaleError` with code auth.unavailable."""
        ...


class Broker:
    """One per server. Every method that acts for someone takes the principal first."""

    def __init__(self, *, engine: Engine, authenticator: Authenticator, policy: Policy) -> None:
        self._engine = engine
        self._authenticator = authenticator
        self._policy = policy
        self.readers = Readers()
        """Who follows logs, for `Revocation`."""

    async def authenticate(self, header: str | None) -> Principal:
        """Find out who asks, from the `Authorization` header. Doors call this before they look at anything else."""
        return await self._authenticator.authenticate(header)

    async def engine_info(self) -> EngineInfo:
        """Ask the engine what it is. Raises `EngineUnavailable`."""
        return await self._engine.info()

    async def containers(self, principal: Principal, *, all: bool) -> list[Container]:
        """List the containers the principal may see."""
        return await visible(self._policy, principal, await self._engine.containers(all=all))

    async def logs(
        self, principal: Principal, reference: str, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """Open a container's own log. The caller iterates, and closes the iterator when it stops earlier."""
        container = await find_container(self._engine, self._policy, principal, reference)
        decide(self._policy, principal, Action.LOGS, container, None)
        return self._engine.logs(container.id, follow=follow, tail=tail)

    def reading(self, principal: Principal, on_revoked: Callable[[], None]) -> AbstractContextManager[None]:
        """Read a log in the block; `on_revoked` is called there, once, when the principal may not any more."""
        return self.readers.reading(principal, on_revoked)
