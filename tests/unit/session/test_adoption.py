"""What another process had of a session."""

import os

import pytest

from tests.unit.session.conftest import ALICE, KEY, QUICK, new_session, write
from whale.engine.fake import FakeEngine
from whale.engine.seam import Engine
from whale.keeper.seam import Item, NoKeeper
from whale.model.container import Container
from whale.model.errors import EngineError, SessionError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.ids import SessionId
from whale.model.limits import MIN_LOG
from whale.model.principal import Decision
from whale.session.adoption import adopt_session
from whale.session.memory import SessionMemory
from whale.session.record import decode_record
from whale.session.session import Session
from whale.session.shelf import Shelf


def make(
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
    return Session(
        id=id,
        engine=engine,
        container=container,
        spec=spec,
        decision=decision,
        memory=memory,
        shelf=Shelf(NoKeeper("a test")),
        end=QUICK,
        window=window,
        keep=60.0,
        name=name,
    )


async def test_one_that_has_ended_is_what_it_was(engine: FakeEngine, container: Container) -> None:
    left = new_session(engine, container, shared=True, keep=60, name="build", window=MIN_LOG)
    left.attendance.attach(ALICE, key=KEY)
    write(left, Stream.STDOUT, b"hello")
    left.finish(status=ExitStatus(7))
    spare, other = os.pipe()
    item = Item(left.id, (os.dup(left.memory.descriptor), other))
    session, exec = adopt_session(engine, item, make=make)
    assert exec is None
    assert (session.id, session.name, session.owner, session.status) == (left.id, "build", "alice", (7, ""))
    assert session.logs[Stream.STDOUT].window == MIN_LOG
    (member,) = session.audience.members
    assert (member.key, member.is_lost) == (KEY, True)
    assert member.read(Stream.STDOUT, size=10) == b"hello"
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(other)  # of an exec that is over
    os.close(spare)
    session.attendance.release(at_once=True)
    await session.attendance.wait_released()
    session.close()


async def test_what_is_written_down_before_it_goes_on_names_its_exec(
    engine: FakeEngine, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_session(engine, container, shared=True, keep=60)
    exec = await engine.start_exec(container.id, left.spec, session=left.id, output=left, notes=left.memory.notes)
    left.begin(exec)
    left.exec = None
    monkeypatch.setattr(engine, "adopt_exec", lambda *_, **__: exec)
    session, _ = adopt_session(engine, Item(left.id, (os.dup(left.memory.descriptor),)), make=make)
    session.audience_changed()  # somebody comes back before what records it has come back
    assert decode_record(session.memory.read_record()).exec == exec.describe() != b""
    session.finish(status=ExitStatus(0))
    session.close()


async def test_what_nobody_can_go_on_with_says_so(engine: FakeEngine, container: Container) -> None:
    descriptor = os.memfd_create("nonsense")
    with pytest.raises(SessionError):
        adopt_session(engine, Item("a" * 32, (descriptor,)), make=make)
    os.close(descriptor)
    running = new_session(engine, container, shared=True, keep=60)
    running.save()
    with pytest.raises(EngineError):  # a fake engine's exec can't be adopted
        adopt_session(engine, Item(running.id, (running.memory.descriptor,)), make=make)
