"""The cursor of one client."""

import pytest

from tests.unit.session.conftest import ALLOWED
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import new_session_id
from whale.session.session import Session, SessionState


@pytest.fixture
def session(engine: FakeEngine, container: Container) -> Session:
    return Session(
        id=new_session_id(),
        engine=engine,
        container=container,
        spec=ExecSpec(command=("true",)),
        decision=ALLOWED,
        end=EndPolicy(),
    )


def test_reads_on_from_its_cursor(session: Session) -> None:
    attachment = session.attach()
    session.output_received(Stream.STDOUT, b"hello")
    assert (attachment.read(Stream.STDOUT, size=2), attachment.is_drained) == (b"he", False)
    assert (attachment.read(Stream.STDOUT, size=100), attachment.is_drained) == (b"llo", True)
    assert attachment.read(Stream.STDERR, size=100) == b""


@pytest.mark.parametrize("size", [0, -5])
def test_no_credit_reads_nothing(session: Session, size: int) -> None:
    attachment = session.attach()
    session.output_received(Stream.STDOUT, b"hello")
    assert attachment.read(Stream.STDOUT, size=size) == b""
    assert not attachment.is_drained


def test_acknowledged_bytes_leave_the_window(session: Session) -> None:
    attachment = session.attach()
    session.output_received(Stream.STDOUT, b"hello")
    attachment.read(Stream.STDOUT, size=4)
    attachment.acknowledge(Stream.STDOUT, offset=3)
    assert session.logs[Stream.STDOUT].start == 3
    with pytest.raises(ValueError, match="more than was read"):
        attachment.acknowledge(Stream.STDOUT, offset=5)


def test_its_owner_is_told_of_everything_that_may_change_what_can_be_sent(session: Session) -> None:
    attachment, told = session.attach(), list[str]()
    session.output_received(Stream.STDOUT, b"before anybody listens")
    attachment.listen(lambda: told.append("changed"))
    assert told == []
    session.output_received(Stream.STDOUT, b"x")
    assert len(told) == 1
    session.stdin_drained()
    assert len(told) == 2
    session.crash()
    assert len(told) == 3


def test_notices_wait_for_the_client(session: Session) -> None:
    attachment, told = session.attach(), list[str]()
    attachment.listen(lambda: told.append("changed"))
    session.notify(code="server.stopping", message="bye")
    assert attachment.notices == [("server.stopping", "bye")]
    assert told == ["changed"]


def test_leaving_ends_the_session_once(session: Session) -> None:
    attachment = session.attach()
    attachment.close()
    assert session._end_requested
    session.state = SessionState.ENDED
    session._end_requested = False
    attachment.close()
    assert not session._end_requested


def test_leaving_a_session_that_is_over_changes_nothing(session: Session) -> None:
    attachment = session.attach()
    session.state = SessionState.ENDED
    attachment.close()
    assert not session._end_requested


def test_output_after_the_end_is_dropped(session: Session) -> None:
    session.attach().close()
    session.output_received(Stream.STDOUT, b"late")
    assert session.bytes_out == 0
