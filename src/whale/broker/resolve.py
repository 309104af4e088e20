"""From what a user typed to one container that can run an exec now."""

import difflib
import re
from contextlib import suppress

from whale.broker.decide import decide
from whale.broker.trail import Trail
from whale.broker.visible import visible
from whale.engine.seam import Engine
from whale.model.container import Container, ContainerState
from whale.model.errors import AccessDenied, TargetError, UsageError
from whale.model.principal import Action, Principal
from whale.model.text import printable
from whale.policy.seam import Policy

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
"""What engines allow as a name or an id; nothing else gets near the path of an engine's request."""

_NOT_RUNNING: dict[ContainerState, tuple[str, str, str]] = {
    ContainerState.PAUSED: ("target.paused", "is paused", "unpause it first"),
    ContainerState.RESTARTING: ("target.restarting", "is restarting", "try again when it runs; its log says why"),
}


async def find_container(
    engine: Engine, policy: Policy, principal: Principal, reference: str, *, trail: Trail
) -> Container:
    """Find one container by name, id or unique id prefix, among those that the principal may list.

    Raises `TargetError`; a name that is nearly right comes back in the hint. One that may not be listed is no nearer
    than one that does not exist, in words and in what is asked of the engine; only the trail tells them apart.
    """
    if not _REFERENCE.fullmatch(reference):
        raise UsageError("this can't be the name of a container", hint="`whale ps` lists them")
    found = await _named(engine, reference)
    hidden = found.id if found is not None else ""
    if found is not None:
        with suppress(AccessDenied):
            decide(policy, principal, Action.LIST, found, None, trail=trail)
            return found
    others = await visible(policy, principal, await engine.containers(all=True))
    fits = [container for container in others if container.id.startswith(reference) and container.id != hidden]
    if len(fits) > 1:
        raise TargetError(
            "more than one container fits", code="target.ambiguous", hint="give the name, or more of the id"
        )
    if fits:
        return await engine.container(fits[0].id)
    hint = _suggest(reference, [container.name for container in others])
    raise TargetError(f"no container named {reference!r}", hint=hint)


async def _named(engine: Engine, reference: str) -> Container | None:
    """What the engine finds; None where it finds nothing, or several, of which some may be hidden."""
    try:
        return await engine.container(reference)
    except TargetError as error:
        if error.code not in ("target.not_found", "target.ambiguous"):
            raise
        return None


def require_running(container: Container) -> None:
    """Raise `TargetError` when a container can't run an exec in the state it is in."""
    if container.state is ContainerState.RUNNING:
        return
    code, text, hint = _NOT_RUNNING.get(
        container.state, ("target.not_running", "is not running", "start it first; `whale ps --all` shows its state")
    )
    raise TargetError(f"the container {printable(container.name)} {text}", code=code, hint=hint)


def _suggest(reference: str, names: list[str]) -> str:
    near = difflib.get_close_matches(reference, names, n=3, cutoff=0.6)
    if not near:
        return "`whale ps --all` lists all containers"
    return f"did you mean {' or '.join(printable(name) for name in near)}?"
