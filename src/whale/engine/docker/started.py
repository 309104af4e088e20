"""What is known of an exec that was started, and its form for the process that goes on with it."""

from typing import NamedTuple

import msgspec

from whale.engine.docker.start import StartPlan
from whale.model.errors import EngineError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId, SessionId

OWN_SOURCE = 15
"""The writer that is whale itself."""


class Started(NamedTuple):
    """An exec that was created."""

    id: str
    container: ContainerId
    session: SessionId
    spec: ExecSpec
    plan: StartPlan


def describe(started: Started) -> bytes:
    """Write it down."""
    return msgspec.json.encode(started)


def described(data: bytes) -> Started:
    """Read what another process wrote down. Raises `EngineError`."""
    try:
        return msgspec.json.decode(data, type=Started)
    except msgspec.MsgspecError as error:
        raise EngineError("what is written down of an exec can't be read", detail=str(error)) from error
