"""The cursor of one client."""

import asyncio

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALICE, BOB, CAT, Run, offsets, write
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import MAX_NOTICES
from whale.model.role import Role
from whale.session.session import Session, SessionState

SHELL = ExecSpec(tty=True, stdin=True)


async def test_reads_on_from_its_cursor(session: Session) -> None:
    attachment = session.attendance.attach(ALICE)
    write(session, Stream.STDOUT, b"hello")
    assert (attachment.read(Stream.STDOUT, size=2), attachment.is_drained) == (b"he", False)
    assert (attachment.read(Stream.STDOUT, size=100), attachment.is_drained) == (b"llo", True)
    assert attachment.read(Stream.STDERR, size=100) == b""


@pytest.mark.parametrize("size", [0, -5])
async def test_no_credit_reads_nothing(session: Session, size: int) -> None:
    attachment = session.attendance.attach(ALICE)
    write(session, Stream.STDOUT, b"hello")
    assert attachment.read(Stream.STDOUT, size=size) == b""
    assert not attachment.is_drained


async def test_acknowledged_bytes_leave_the_window(session: Session) -> None:
    attachment = session.attendance.attach(ALICE)
    write(session, Stream.STDOUT, b"hello")
    attachment.read(Stream.STDOUT, size=4)
    attachment.acknowledge(Stream.STDOUT, offset=3)
    assert session.logs[Stream.STDOUT].start == 3
    with pytest.raises(ValueError, match="more than was read"):
        attachment.acknowledge(Stream.STDOUT, offset=5)


async def test_its_owner_is_told_of_everything_that_may_change_what_can_be_sent(session: Session) -> None:
    attachment, told = session.attendance.attach(ALICE), list[str]()
    write(session, Stream.STDOUT, b"before anybody listens")
    attachment.listen(lambda: told.append("changed"))
    assert told == []
    write(session, Stream.STDOUT, b"x")
    assert len(told) == 1
    session.stdin_drained()
    assert len(told) == 2
    session.finish(failure=WhaleError("a fault"))
    assert len(told) == 3


async def test_notices_wait_for_the_client(session: Session) -> None:
    attachment, told = session.attendance.attach(ALICE), list[str]()
    attachment.listen(lambda: told.append("changed"))
    session.notify(code="server.stopping", message="bye")
    assert list(attachment.notices) == [("server.stopping", "bye")]
    assert told == ["changed"]


async def test_a_client_that_reads_no_notices_loses_the_oldest(session: Session) -> None:
    attachment = session.attendance.attach(ALICE)
    for number in range(MAX_NOTICES + 5):
        attachment.notify(code="session.busy", message=str(number))
    assert [text for _, text in attachment.notices] == [str(number) for number in range(5, MAX_NOTICES + 5)]


async def test_leaving_ends_the_session_once(session: Session) -> None:
    attachment = session.attendance.attach(ALICE)
    attachment.close()
    assert session._end_requested
    session.state = SessionState.ENDED
    session._end_requested = False
    attachment.close()
    assert not session._end_requested


async def test_leaving_a_session_that_is_over_changes_nothing(session: Session) -> None:
    attachment = session.attendance.attach(ALICE)
    session.state = SessionState.ENDED
    attachment.close()
    assert not session._end_requested


async def test_output_after_the_end_is_dropped(session: Session) -> None:
    session.attendance.attach(ALICE).close()
    write(session, Stream.STDOUT, b"late")
    assert session.bytes_out == 0


async def test_a_viewer_that_is_too_slow_goes_on_with_a_gap(session: Session) -> None:
    owner, viewer = session.attendance.attach(ALICE), session.attendance.attach(BOB, role=Role.VIEWER)
    write(session, Stream.STDOUT, b"0123456789")
    owner.read(Stream.STDOUT, size=10)
    owner.acknowledge(Stream.STDOUT, offset=7)
    behind = [viewer.is_behind]
    assert viewer.take_gap() == (7, 0)
    assert [*behind, viewer.is_behind] == [True, False]
    assert viewer.read(Stream.STDOUT, size=10) == b"789"
    assert not viewer.wants_screen, "a pipe has no picture"


async def test_a_gap_acknowledges_nothing_that_is_still_held(session: Session) -> None:
    owner, viewer = session.attendance.attach(ALICE), session.attendance.attach(BOB, role=Role.VIEWER)
    for stream in (Stream.STDOUT, Stream.STDERR):
        write(session, stream, b"0123456789")
        viewer.read(stream, size=4)
        owner.read(stream, size=10)
    owner.acknowledge(Stream.STDOUT, offset=7)
    assert viewer.behind() == [Stream.STDOUT]
    assert viewer.take_gap() == (7, 4)
    assert viewer.acked == {Stream.STDOUT: 7, Stream.STDERR: 0}, "it may come back for what it was sent"
    assert [viewer.read(stream, size=10) for stream in (Stream.STDOUT, Stream.STDERR)] == [b"789", b"456789"]


async def test_all_see_the_same_bytes(session: Session) -> None:
    everybody = [session.attendance.attach(ALICE), *(session.attendance.attach(BOB, role=Role.VIEWER) for _ in "ab")]
    for number in range(50):
        write(session, Stream.STDOUT, b"%d," % number)
    expected = b"".join(b"%d," % number for number in range(50))
    assert [one.read(Stream.STDOUT, size=10_000) for one in everybody] == [expected] * 3


async def test_a_viewer_writes_nothing(session: Session) -> None:
    session.attendance.attach(ALICE)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER)
    viewer.write_stdin(b"x")
    assert session.bytes_in == 0


async def test_late_input_of_a_replaced_connection_does_not_count(run: Run) -> None:
    session, former, _ = await run.kept(CAT)
    former.write_stdin(b"once")
    resumed = session.attendance.resume(former, received=offsets(0), consumed=offsets(0))
    former.write_stdin(b" more")
    assert (session.bytes_in, resumed.stdin_received) == (4, 4)
    resumed.write_stdin(b" more")
    assert resumed.stdin_received == 9


async def test_input_that_nobody_will_read_does_not_count(run: Run) -> None:
    _, attachment, task = await run.kept(CAT)
    attachment.write_stdin(b"read")
    attachment.end_stdin()
    attachment.write_stdin(b"after its end")
    async with asyncio.timeout(5):
        await task
    attachment.write_stdin(b"after the command's")
    assert (attachment.stdin_received, attachment.stdin_consumed) == (4, 4)


async def test_the_end_of_one_input_is_not_the_end_of_a_terminal(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    second = session.attendance.attach(BOB)
    first.end_stdin()
    second.write_stdin(b"echo still here\n")
    await eventually(lambda: b"still here\r\n" in session.logs[Stream.STDOUT].read(offset=0, size=1000), "the echo")
    assert not session.is_stdin_ended
    assert not second.is_stdin_ended
    first.lose()
    again = session.attendance.resume(first, received=offsets(0), consumed=offsets(0))
    assert again.is_stdin_ended, "it need not say so twice"


async def test_the_end_of_input_is_not_for_everybody_to_say(run: Run) -> None:
    session, former, _ = await run.kept(CAT)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER)
    viewer.end_stdin()
    resumed = session.attendance.resume(former, received=offsets(0), consumed=offsets(0))
    former.end_stdin()
    assert not session.is_stdin_ended
    resumed.end_stdin()
    assert session.is_stdin_ended


@pytest.mark.parametrize("is_lost", [True, False])
async def test_who_is_revoked_is_told_and_the_session_stays(session: Session, *, is_lost: bool) -> None:
    session.attendance._waiting.keep = 60.0
    attachment = session.attendance.attach(BOB, role=Role.VIEWER, key="5f" * 16)
    if is_lost:
        attachment.lose()
    told: list[bool] = []
    attachment.listen(lambda: told.append(attachment.is_revoked))
    attachment.revoke()
    attachment.write_stdin(b"x")
    attachment.close()
    assert told == [True]
    assert session.audience.members == ()
    assert (session.bytes_in, session._end_requested) == (0, False)


async def test_a_picture_is_given_once_and_where_it_was_only_asked_for_if_it_is_known(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment = session.attendance.attach(ALICE)
    monkeypatch.setattr(Session, "repaint", lambda _: b"a picture")
    for is_known, asked_for in ((True, b"a picture"), (False, b"")):
        monkeypatch.setattr(Session, "has_picture", is_known)
        attachment.wants_screen = attachment.owes_screen = True
        assert attachment.take_screen() == b"a picture", "it is needed, be it blank"
        assert not attachment.wants_screen
        assert not attachment.owes_screen, "one is enough"
        attachment.owes_screen = True
        assert attachment.take_screen() == asked_for
        assert not attachment.owes_screen
