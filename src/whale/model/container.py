"""What an engine says of a container."""

from enum import StrEnum
from typing import NamedTuple

from whale.model.ids import ContainerId


class ContainerState(StrEnum):
    """The states of the Docker API; an engine's other words are mapped to the nearest in its adapter."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Container(NamedTuple):
    """One container as listed by its engine. Names and labels are hostile text: escape before printing."""

    id: ContainerId
    name: str
    image: str
    state: ContainerState
    engine: str
    status: str = ""
    created: int = 0
    """Unix time in seconds; 0 when the engine does not say."""
    labels: dict[str, str] = {}  # noqa: RUF012 - NamedTuple default, never mutated
