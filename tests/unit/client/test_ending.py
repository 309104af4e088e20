import pytest

from whale.client.ending import Ending
from whale.client.link import NORMAL_CLOSE
from whale.model.errors import EngineUnavailable, ProtocolError, TransportError
from whale.model.exec import ExitStatus
from whale.model.outcomes import outcome_of
from whale.wire.messages import Status


def status(code: int | None, reason: str = "", message: str = "") -> Status:
    return Status(ExitStatus(code, reason), message, stdout=0, stderr=0)


def test_nothing_is_known_at_first() -> None:
    ending = Ending()
    assert (ending.is_known, ending.is_exit, ending.close_code) == (False, False, NORMAL_CLOSE)


def test_a_status_is_the_commands_own() -> None:
    ending = Ending()
    ending.status = status(7)
    assert (ending.is_known, ending.is_exit) == (True, True)
    assert ending.settle() == 7


def test_nothing_counts_against_a_status() -> None:
    ending = Ending()
    ending.status = status(0)
    ending.fail(TransportError("broke"))
    ending.violate(ProtocolError("late"))
    assert ending.settle() == 0
    assert ending.close_code == NORMAL_CLOSE


def test_a_lost_status_is_no_exit() -> None:
    ending = Ending()
    ending.status = status(None, "engine.unavailable", "the engine is gone")
    assert (ending.is_known, ending.is_exit) == (True, False)
    with pytest.raises(EngineUnavailable, match="the engine is gone"):
        ending.settle()


def test_a_lost_status_without_words_says_its_reason() -> None:
    ending = Ending()
    ending.status = status(None, "session.gone")
    with pytest.raises(Exception, match=r"the exit status is lost \(session.gone\)"):
        ending.settle()


def test_the_first_failure_counts() -> None:
    ending = Ending()
    ending.fail(TransportError("first"))
    ending.violate(ProtocolError("second"))
    assert ending.close_code == NORMAL_CLOSE
    with pytest.raises(TransportError, match="first"):
        ending.settle()


def test_a_violation_is_said_with_the_close() -> None:
    ending = Ending()
    ending.violate(ProtocolError("too much", code="protocol.flow"))
    assert ending.close_code == outcome_of("protocol.flow").close != NORMAL_CLOSE
    with pytest.raises(ProtocolError, match="too much"):
        ending.settle()
