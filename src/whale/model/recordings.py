"""What is known of a recording beside what was recorded: a row, and what rows are searched by."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from whale.model.container import Container, ContainerState
from whale.model.ids import ContainerId, SessionId
from whale.model.recording import RecordMode

LABEL: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
"""What a recording can be kept by."""


class RecordingStatus(StrEnum):
    """How far it is."""

    RECORDING = "recording"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    """It was closed by a later server: what came after its last event, nobody saw."""
    FAILED = "failed"
    """It could not be written any more, and the session's policy said what became of the session."""


class RecordingState(NamedTuple):
    """What of a recording changes while it is made. Times are in milliseconds."""

    status: RecordingStatus = RecordingStatus.RECORDING
    ended: int | None = None
    """Since 1970; None while it goes on."""
    exit_status: int | None = None
    duration: int = 0
    raw_bytes: int = 0
    """What was recorded, before it was compressed."""
    stored_bytes: int = 0
    chunks: int = 0
    head: str = ""
    """SHA-256 of its last closed chunk, in hexadecimal: what all before it are chained to."""


class Recording(NamedTuple):
    """One recording. Its container is that of the session as it was then; text of others is escaped when shown."""

    id: SessionId
    """That of the session, which has one recording at most."""
    started: int
    """Milliseconds since 1970."""
    principal: str
    """Who began the session."""
    container: Container
    command: tuple[str, ...]
    """Masked; empty for a login shell."""
    reason: str
    """Why they began it, masked."""
    policies: tuple[str, ...]
    tty: bool
    mode: RecordMode
    is_encrypted: bool = False
    """Whether it takes a key to read it that the server does not have."""
    state: RecordingState = RecordingState()
    label: str = ""
    """What it is kept by, where that is not its age alone."""
    is_held: bool = False
    """A legal hold: nobody deletes it."""


class RecordingQuery(NamedTuple):
    """What is searched for; what is empty fits everything."""

    principal: str = ""
    container: str = ""
    """A name, an id, or the beginning of an id."""
    text: str = ""
    """Anywhere in the command or the reason, whatever the case of its letters."""
    id: str = ""
    """The beginning of the recording's id."""
    ids: tuple[str, ...] = ()
    """Whole ids, of which it has one."""
    is_encrypted: bool | None = None
    is_held: bool | None = None
    label: str = ""
    since: int | None = None
    """Milliseconds since 1970, inclusive: of its start."""
    until: int | None = None
    """Exclusive."""
    before: tuple[int, str] | None = None
    """Only what follows a recording in the order of the answer, given by start and id: the next page."""
    limit: int = 100


def container_then(*, id: str, name: str, image: str, engine: str, labels: dict[str, str]) -> Container:
    """The container of a session as it was, which the policies decide about. It may not be there any more."""
    return Container(ContainerId(id), name, image, ContainerState.RUNNING, engine, labels=labels)
