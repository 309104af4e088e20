"""What is written down of a session makes the same session again."""

import os

import pytest

from tests.unit.session.conftest import ALICE, BOB, KEY, new_session
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.errors import SessionError, WhaleError
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.ids import TokenId
from whale.model.limits import MAX_ATTACHED, MAX_CONTROL, MAX_RECORD
from whale.model.names import MAX_NAME
from whale.model.principal import Principal, Scope
from whale.model.purpose import MAX_PURPOSE
from whale.model.role import Role
from whale.model.scope import MAX_SCOPE_CONTAINERS
from whale.model.terminal import TerminalSize
from whale.session.audience import MAX_SOURCES
from whale.session.memory import SessionMemory
from whale.session.record import attachments_of, decode_record, encode_record, failure_of

SPEC = ExecSpec(("sh", "-c", "ü"), True, True, "0", (("A", "1"),), "/srv", False, TerminalSize(cols=80, rows=24))


async def test_a_session_comes_back(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container, SPEC, shared=True, keep=60, name="build")
    session.attendance.attach(ALICE, key=KEY, size=TerminalSize(cols=70, rows=20))
    session.attendance.attach(BOB, role=Role.VIEWER, key=KEY, joins=True)
    session.attendance.attach(BOB, role=Role.VIEWER)  # it can't come back
    memory = SessionMemory.adopt(os.dup(session.memory.descriptor))
    record = decode_record(memory.read_record())
    assert (record.id, record.name, record.spec, record.container) == (session.id, "build", SPEC, container)
    assert (record.decision, record.size) == (session.decision, (70, 20))
    assert [(a.principal, a.role, a.key, a.has_joined) for a in record.attachments] == [
        (ALICE, Role.CONTROLLER, KEY, False),
        (BOB, Role.VIEWER, KEY, True),
    ]
    assert (record.is_over, record.is_detached, failure_of(record)) == (False, False, None)
    again = attachments_of(record, session)
    for made, was in zip(again, session.audience.members, strict=False):
        for what in ("principal", "role", "key", "size", "source", "input_base", "has_joined", "since"):
            assert getattr(made, what) == getattr(was, what), what
    assert len(again) == 2
    memory.close()
    session.close()


async def test_the_end_is_written_down(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container, shared=True)
    session.finish(status=ExitStatus(3))
    record = decode_record(session.memory.read_record())
    assert (record.is_over, record.status) == (True, (3, ""))
    failed = new_session(engine, container, shared=True)
    failed.finish(failure=WhaleError("no", code="engine.failed", hint="try"))
    found = failure_of(decode_record(failed.memory.read_record()))
    assert found is not None
    assert (found.code, found.message, found.hint) == ("engine.failed", "no", "try")
    session.close()
    failed.close()


async def test_a_session_of_its_own_writes_nothing(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container)
    session.save()
    assert session.memory.read_record() == b""
    assert decode_record(encode_record(session)).id == session.id


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff"])
def test_nonsense_is_an_error_of_the_session(data: bytes) -> None:
    with pytest.raises(SessionError):
        decode_record(data)


async def test_there_is_room_for_all_clients_that_a_session_may_have(engine: FakeEngine, container: Container) -> None:
    spec = ExecSpec(command=("x" * MAX_CONTROL,), tty=True, stdin=True)
    session = new_session(engine, container, spec, keep=60)
    scope = Scope((), ("label:" + "n" * 300,) * MAX_SCOPE_CONTAINERS)
    groups = ("g" * MAX_NAME,) * 100
    somebody = Principal("n" * MAX_NAME, TokenId("t" * 16), groups, "f" * 45, "😀" * MAX_PURPOSE, scope)
    for number in range(MAX_ATTACHED):
        role = Role.CONTROLLER if number < MAX_SOURCES else Role.VIEWER
        session.attendance.attach(somebody, role=role, key=f"{number:032}", size=TerminalSize(cols=1000, rows=1000))
    assert len(encode_record(session)) < MAX_RECORD
