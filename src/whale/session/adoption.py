"""From what an earlier server left of a session back to one that goes on. It is nobody's yet: the registry takes it."""

import os
from typing import Protocol

from whale.engine.seam import Engine, Exec
from whale.keeper.seam import Item
from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.ids import SessionId
from whale.model.principal import Decision
from whale.session.memory import SessionMemory
from whale.session.record import decode_record
from whale.session.session import Session


class Make(Protocol):
    """Makes a session with the registry's own settings."""

    def __call__(
        self,
        id: SessionId,
        engine: Engine,
        container: Container,
        spec: ExecSpec,
        *,
        decision: Decision,
        memory: SessionMemory,
        window: int,
        name: str,
    ) -> Session:
        """Make it, and nothing else."""
        ...


def adopt_session(engine: Engine, item: Item, *, make: Make) -> tuple[Session, Exec | None]:
    """Return the session that an item is, and its exec unless that has ended. They own the item's descriptors then.

    Raises `SessionError` and `EngineError` for what nobody can go on with; the caller lets go of the item.
    """
    descriptor, *others = item.descriptors
    memory = SessionMemory.adopt(descriptor)
    record = decode_record(memory.read_record())
    session = make(
        record.id,
        engine,
        record.container,
        record.spec,
        decision=record.decision,
        memory=memory,
        window=record.window,
        name=record.name,
    )
    exec: Exec | None = None
    if not record.is_over:
        exec = engine.adopt_exec(record.exec, others, memory.notes, session=record.id, output=session)
    else:
        for other in others:
            os.close(other)
    session.restore(record, exec)
    return session, exec
