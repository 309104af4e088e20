"""From what a user typed to one container that can run an exec now."""

import difflib
import re

from whale.engine.seam import Engine
from whale.model.container import Container, ContainerState
from whale.model.errors import TargetError, UsageError
from whale.model.text import printable

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
"""What engines allow as a name or an id; nothing else gets near the path of an engine's request."""

_NOT_RUNNING: dict[ContainerState, tuple[str, str, str]] = {
    ContainerState.PAUSED: ("target.paused", "is paused", "unpause it first"),
    ContainerState.RESTARTING: ("target.restarting", "is restarting", "try again when it runs; its log says why"),
}


async def find_container(engine: Engine, reference: str) -> Container:
    """Find one container by name, id or unique id prefix.

    Raises `TargetError`; a name that is nearly right comes back in the hint.
    """
    if not _REFERENCE.fullmatch(reference):
        raise UsageError("this can't be the name of a container", hint="`whale ps` lists them")
    try:
        return await engine.container(reference)
    except TargetError as error:
        if error.code != "target.not_found":
            raise
        hint = _suggest(reference, [container.name for container in await engine.containers(all=True)])
        raise TargetError(f"no container named {reference!r}", hint=hint) from error


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
