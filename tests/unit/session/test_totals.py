"""Sessions that are over, in numbers."""

from unittest.mock import Mock

import pytest

from tests.unit.session.conftest import ALICE, CAT, Run, new_session, write
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.errors import WhaleError
from whale.model.exec import ExitStatus, Stream
from whale.session import totals as room
from whale.session.totals import Totals


@pytest.mark.parametrize(
    ("status", "how"),
    [(ExitStatus(7), "exited"), (ExitStatus(None, "target.gone"), "target.gone"), (None, "failed")],
)
async def test_counts_by_how_one_ended(
    engine: FakeEngine, container: Container, status: ExitStatus | None, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(engine, container)
    session.finish(status=status, failure=None if status is not None else WhaleError("no", code="exec.not_found"))
    totals = Totals()
    log = Mock()
    monkeypatch.setattr(room, "_log", log)
    totals.add(session)
    totals.add(session)
    assert totals.ended == {how: 2}
    said = [(call.kwargs["principal"], call.kwargs["how"]) for call in log.info.call_args_list]
    assert said == [("alice", "exec.not_found" if status is None else how)] * 2


async def test_adds_up_bytes_of_both_ways(run: Run) -> None:
    session, _ = run.start(CAT)
    attachment = session.attendance.attach(ALICE)
    await session.wait_started()
    attachment.write_stdin(b"abc")
    write(session, Stream.STDERR, b"defgh")
    totals = Totals()
    totals.add(session)
    assert (totals.opened, totals.bytes_in) == (0, 3)
    assert totals.bytes_out >= 5
