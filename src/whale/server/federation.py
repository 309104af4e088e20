"""Keeps the federation rules of the settings in force, with the connections to their issuers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from whale.access.federation.live import LiveFederation, Prover
from whale.broker.trail import Trail
from whale.model.errors import WhaleError
from whale.server.config_federation import FederationRule

_log = structlog.get_logger("whale.server")


class ServerFederation:
    """One per server. Made with `opened_federation`."""

    def __init__(self, trail: Trail) -> None:
        self.live = LiveFederation()
        self._trail = trail
        self._rules: Sequence[FederationRule] = ()
        self._connections = AsyncExitStack()

    async def put_in_force(self, rules: Sequence[FederationRule]) -> bool:
        """Put these rules in force; False when they are already. Raises `ConfigError`, and changes nothing then."""
        if tuple(rules) == tuple(self._rules):
            return False
        async with AsyncExitStack() as stack:
            provers = await _provers(rules, stack)
            self.live.replace([each.rule for each in rules], provers)
            self._rules = rules
            before, self._connections = self._connections, stack.pop_all()
        await before.aclose()
        self._trail.federation_loaded([each.name for each in rules])
        return True

    async def reload(self, reread: Callable[[], Sequence[FederationRule]], changed: Callable[[], None]) -> None:
        """Read the settings again; `changed` is called when other rules are in force. Those that are stay on error."""
        try:
            is_changed = await self.put_in_force(await asyncio.to_thread(reread))
        except WhaleError as error:
            _log.error("federation.not_loaded", error=str(error))
            self._trail.federation_refused(error.message)
            return
        if is_changed:
            _log.info("federation.loaded", rules=[each.name for each in self._rules])
            changed()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()


@asynccontextmanager
async def opened_federation(rules: Sequence[FederationRule], trail: Trail) -> AsyncIterator[ServerFederation]:
    """The rules that are configured, in force. Issuers are asked when somebody shows a token of theirs."""
    federation = ServerFederation(trail)
    try:
        await federation.put_in_force(rules)
        yield federation
    finally:
        await federation.aclose()


async def _provers(rules: Sequence[FederationRule], stack: AsyncExitStack) -> dict[str, Prover]:
    if not rules:
        return {}
    # What checks signatures takes 20 MiB, and a server without rules needs none of it.
    from whale.access.oidc.issuer import Issuer
    from whale.server.oidc import opened_fetch

    provers: dict[str, Prover] = {}
    for rule in rules:
        if rule.issuer not in provers:
            fetch = await stack.enter_async_context(opened_fetch(rule.ca_file, path=f"federation.{rule.name}.ca_file"))
            provers[rule.issuer] = Issuer(rule.issuer, fetch)
    return provers
