"""Why somebody may or may not do something now: with the groups they have, and the engine's own container."""

import time
from typing import NamedTuple

from whale.access.guard import check_spec
from whale.broker.resolve import find_container
from whale.broker.trail import Trail
from whale.model.container import Container
from whale.model.errors import UsageError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal, PrincipalKind
from whale.model.text import printable
from whale.policy.live import LivePolicy
from whale.policy.outcome import outcome
from whale.policy.shipped import open_rules
from whale.server import tokens, users
from whale.server.config_model import Config
from whale.server.engine import opened_engine
from whale.server.logs import configure_logging
from whale.server.policy import ServerPolicy


class Explanation(NamedTuple):
    """A decision, who and what it is about, and what is missing."""

    decision: Decision
    container: Container
    missing: tuple[str, ...]


async def explain(
    config: Config,
    name: str,
    action: Action,
    reference: str,
    spec: ExecSpec,
    *,
    groups: tuple[str, ...],
    owner: str,
    reason: str = "",
) -> Explanation:
    """Decide as the server would, by the policies that are in the directory now. `groups` are those of nobody's token.

    Raises `UsageError` for a name that is nobody's, `TargetError` for a container that is not there, `ConfigError`.
    """
    configure_logging("warning", config.log.format)
    policy = (await ServerPolicy.open(config)).live
    principal = Principal(name, TokenId(""), groups, purpose=reason)
    if not groups:
        principal = await _known(config, principal)
    async with opened_engine(config, server="") as engine:
        anybody = principal._replace(scope=None)
        container = await find_container(engine, LivePolicy(open_rules()), anybody, reference, trail=Trail())
    decision = outcome(
        policy.rules, principal, action, container, check_spec(spec), owner=owner or name, now=time.time()
    )
    return Explanation(decision, container, policy.missing(decision))


def lines(found: Explanation) -> list[str]:
    """Say it in words."""
    decision, container = found.decision, found.container
    principal = decision.principal
    made = [
        f"{'yes' if decision.allowed else 'no'}: {decision.reason}",
        f"by: {', '.join(decision.policies) or 'no policy'}",
        f"decided: {decision.action} on {container.name} ({container.image}), id {container.id[:12]}",
        f"for: {principal.name}, in {', '.join(principal.groups) or 'no group'}",
    ]
    if decision.recording.is_recorded:
        made.append(f"recorded: {decision.recording}")
    if principal.scope is not None:
        made.append(f"scope: {principal.scope}")
    return [printable(line) for line in [*made, *(f"missing: {line}" for line in found.missing)]]


async def _known(config: Config, principal: Principal) -> Principal:
    """The person or the token of that name, as it is now."""
    name, now = principal.name, int(time.time())
    for person in await users.list_all(config.store_place):
        if person.name == name and person.disabled is None:
            return principal._replace(groups=person.groups, kind=PrincipalKind.USER)
    for row in await tokens.list_all(config.store_place):
        if row.name == name and tokens.state_of(row, now=now) == "active":
            return principal._replace(groups=row.groups, scope=row.scope)
    raise UsageError(
        f"there is no person who may log in, and no living token named {printable(name)}",
        hint="see `whale-server user list` and `token list`, or give --group for somebody who has none yet",
    )
