"""What is decided on, in Cedar's words: principal, resource and context by the schema. Pure.

Names and labels are hostile text. They go into values and into ids that are given as values, never into policy text.
"""

import ipaddress
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Principal, PrincipalKind
from whale.policy.container_user import normal_user

ACCESS_LABEL = "whale.access"
"""Names the groups that may have a container: `team-x`, or `team-x,team-y`."""

ON_SESSIONS = (Action.ATTACH, Action.VIEW, Action.KILL)
"""Actions on a session."""

ON_RECORDINGS = (Action.RECORD_READ, Action.RECORD_DELETE, Action.RECORD_KEEP)
"""Actions on what is kept of a session."""

ON_TRAIL = (Action.AUDIT_READ,)
"""Actions on the audit trail, and on no container; all others are on a container."""

WITH_SPEC = (Action.EXEC, Action.SHELL, Action.ATTACH, Action.APPROVE)
"""Actions of which it matters what runs."""

_COMPOSE_PROJECT = "com.docker.compose.project"
_COMPOSE_SERVICE = "com.docker.compose.service"

Uid = dict[str, str]

Owned = Literal["Session", "Recording"]
"""What belongs to whoever began a session."""


def principal_uid(principal: Principal) -> Uid:
    """The entity that a principal is."""
    return {"type": "User" if principal.kind is PrincipalKind.USER else "Machine", "id": _text(principal.name)}


def container_uid(container: Container) -> Uid:
    """The entity that a container is."""
    return {"type": "Container", "id": _text(container.id)}


def owned_uid(kind: Owned, owner: str) -> Uid:
    """The entity that a session is, or what was recorded of it.

    Policies tell them apart by owner and container, so it needs no id.
    """
    return {"type": kind, "id": _text(owner)}


def trail_uid() -> Uid:
    """The entity that the audit trail is. A server has one."""
    return {"type": "Trail", "id": "audit"}


def action_uid(action: Action) -> Uid:
    """The entity that an action is."""
    return {"type": "Action", "id": action.value}


def principal_entity(principal: Principal) -> dict[str, Any]:
    """Describe who asks."""
    return {
        "uid": principal_uid(principal),
        "attrs": {"name": _text(principal.name)},
        "parents": [_group(group) for group in principal.groups],
    }


def container_entity(container: Container) -> dict[str, Any]:
    """Describe a container."""
    labels = {_text(name): _text(value) for name, value in container.labels.items()}
    return {
        "uid": container_uid(container),
        "attrs": {
            "engine": _text(container.engine),
            "id": _text(container.id),
            "name": _text(container.name),
            "image": _text(container.image),
            "compose_project": labels.get(_COMPOSE_PROJECT, ""),
            "compose_service": labels.get(_COMPOSE_SERVICE, ""),
            "access": [{"__entity": _group(group)} for group in access_groups(container)],
        },
        "parents": [],
        "tags": labels,
    }


def owned_entity(kind: Owned, principal: Principal, owner: str, container: Container) -> dict[str, Any]:
    """Describe a session or a recording. Whose name is the owner's, to them it belongs, as everywhere in whale."""
    # Of others it is not known here what they are, and need not be: no person has the name of a living token.
    others = [{"type": kind, "id": _text(owner)} for kind in ("User", "Machine")]
    return {
        "uid": owned_uid(kind, owner),
        "attrs": {"owner": _text(owner), "container": {"__entity": container_uid(container)}},
        "parents": [principal_uid(principal)] if owner == principal.name else others,
    }


def trail_entity() -> dict[str, Any]:
    """Describe the audit trail."""
    return {"uid": trail_uid(), "attrs": {}, "parents": []}


def asked_context(principal: Principal, *, now: float) -> dict[str, Any]:
    """What holds for every action: when, from where, and why."""
    moment = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    context: dict[str, Any] = {
        "time": {"__extn": {"fn": "datetime", "arg": moment}},
        "reason": _text(principal.purpose),
    }
    if (source := _address(principal.address)) is not None:
        context["source"] = {"__extn": {"fn": "ip", "arg": source}}
    return context


def run_context(spec: ExecSpec) -> dict[str, Any]:
    """What holds where something runs: what the engine is going to be told."""
    user = normal_user(_text(spec.user))
    words = [_text(word) for word in spec.command]
    return {
        "tty": spec.tty,
        "user": user.user,
        "group": user.group,
        "privileged": spec.privileged,
        "program": words[0] if words else "",
        "command": shlex.join(words),
        "words": words,
        "env": [_text(name) for name, _ in spec.env],
        "workdir": _text(spec.workdir),
    }


def asker_context(asker: str) -> dict[str, Any]:
    """Who waits for an approval."""
    return {"asker": _text(asker)}


def access_groups(container: Container) -> list[str]:
    """The groups that a container's label names."""
    named = (group.strip() for group in _text(container.labels.get(ACCESS_LABEL, "")).split(","))
    return sorted({group for group in named if group})


def groups_named(principal: Principal, containers: Iterable[Container]) -> tuple[str, ...]:
    """Those of a principal's groups that the label of a container names."""
    named = {group for container in containers for group in access_groups(container)}
    return tuple(group for group in principal.groups if _text(group) in named)


def _group(name: str) -> Uid:
    return {"type": "Group", "id": _text(name)}


def _text(text: str) -> str:
    """Cedar knows no lone surrogates, which hostile JSON may hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
