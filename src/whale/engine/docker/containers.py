"""Turns what an engine says of containers into `Container` values. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from whale.model.container import Container, ContainerState
from whale.model.errors import EngineError
from whale.model.ids import ContainerId

_OTHER_STATES = {
    "configured": ContainerState.CREATED,
    "initialized": ContainerState.CREATED,
    "stopped": ContainerState.EXITED,
    "stopping": ContainerState.REMOVING,
    "unknown": ContainerState.DEAD,
}
"""Podman's words that Docker does not have."""


class _Listed(msgspec.Struct, rename="pascal"):
    """What is read of an entry: it has far more."""

    id: str
    names: list[str] | None = None
    image: str = ""
    state: str = ""
    status: str = ""
    created: object = 0
    labels: object = None


_decode: Final = msgspec.json.Decoder(_Listed).decode


def listed_container(entry: bytes | msgspec.Raw, engine: str) -> Container:
    """Read an entry of the engine's list, in JSON. Of several names, as in two networks, the first counts.

    Raises `EngineError`.
    """
    try:
        listed = _decode(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineError("the engine sent an answer that makes no sense", detail=f"an entry: {error}") from error
    return Container(
        id=ContainerId(listed.id),
        name=_shortest(listed.names or []),
        image=listed.image,
        state=container_state(listed.state),
        engine=engine,
        status=listed.status,
        created=_unix_time(listed.created),
        labels=_labels(listed.labels),
    )


def inspected_container(answer: Mapping[str, Any], engine: str) -> Container:
    """Read the engine's description of one container."""
    config = answer.get("Config") or {}
    state = str((answer.get("State") or {}).get("Status", ""))
    return Container(
        id=ContainerId(str(answer["Id"])),
        name=str(answer.get("Name", "")).lstrip("/"),
        image=str(config.get("Image", "")),
        state=container_state(state),
        engine=engine,
        status=state,
        created=_unix_time(answer.get("Created")),
        labels=_labels(config.get("Labels")),
    )


def container_state(word: str) -> ContainerState:
    """Map an engine's word for a state; one that nobody knows is no state to run anything in."""
    try:
        return ContainerState(word.lower())
    except ValueError:
        return _OTHER_STATES.get(word.lower(), ContainerState.DEAD)


def _shortest(names: list[str]) -> str:
    """A linked container is also listed under `/other/alias`: its own name has one slash."""
    return min((name.lstrip("/") for name in names), key=lambda name: name.count("/"), default="")


def _labels(found: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}


def _unix_time(created: object) -> int:
    """Docker lists seconds and describes in RFC 3339 with nanoseconds, Podman may do either."""
    if isinstance(created, int | float):
        return int(created)
    if isinstance(created, str) and len(created) >= 19:
        try:
            return int(datetime.fromisoformat(created[:19]).replace(tzinfo=UTC).timestamp())
        except ValueError:
            return 0
    return 0
