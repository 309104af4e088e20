"""Coming and going: connections that break, clients that detach, several in one session."""

import asyncio

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALICE, BOB, CAT, KEY, Run, offsets, write
from whale.model.errors import ProtocolError, SessionError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.limits import MAX_ATTACHED
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session import waiting
from whale.session.audience import MAX_SOURCES

SIZE = TerminalSize(cols=100, rows=40)
SHELL = ExecSpec(tty=True, stdin=True, size=SIZE)
OTHER = "77" * 16


async def test_a_session_that_is_not_kept_ends_with_its_connection(run: Run) -> None:
    session, task = run.start(CAT)
    attachment = session.attendance.attach(ALICE)
    await session.wait_started()
    attachment.lose()
    async with asyncio.timeout(5):
        await task
    assert session.status == (None, "session.gone")
    assert run.engine.running == 0


async def test_a_kept_one_goes_on_at_the_same_byte(run: Run) -> None:
    session, former, _ = await run.kept(CAT)
    former.write_stdin(b"0123456789")
    await eventually(lambda: session.bytes_out == 10, "the echo")
    former.read(Stream.STDOUT, size=7)
    former.lose()
    assert [session.audience.is_controlled] == [False]
    session.write_stdin(former, b"abc")  # on its way when the connection broke
    await eventually(lambda: session.bytes_out == 13, "more, while nobody is there")
    attachment = session.attendance.resume(former, received=offsets(4), consumed=offsets(2))
    assert session.audience.is_controlled
    assert attachment.read(Stream.STDOUT, size=100) == b"456789abc"
    assert session.logs[Stream.STDOUT].start == 2, "what is consumed is let go of"


async def test_who_comes_back_takes_the_session_from_the_former_connection(run: Run) -> None:
    session, former, _ = await run.kept(CAT)
    told: list[str] = []
    former.listen(lambda: told.append("changed"))
    attachment = session.attendance.resume(former, received=offsets(0), consumed=offsets(0))
    assert former.is_superseded
    assert told
    assert not attachment.is_superseded
    former.lose()
    former.close()
    assert session.audience.is_controlled, "the former one has no say any more"
    assert not session.is_over


@pytest.mark.parametrize("role", [Role.CONTROLLER, Role.VIEWER])
async def test_who_asks_again_to_join_a_terminal_begins_where_the_session_is(run: Run, role: Role) -> None:
    session, _, _ = await run.kept(SHELL)
    write(session, Stream.STDOUT, b"old")
    former = session.attendance.attach(BOB, role=role, key=OTHER, joins=True)
    write(session, Stream.STDOUT, b"new")
    again = session.attendance.ask_again(former, size=SIZE)
    end = session.logs[Stream.STDOUT].end
    assert (again.cursor(Stream.STDOUT), again.acked[Stream.STDOUT], again.wants_screen) == (end, end, True)
    assert (again.source, again.role, again.has_joined, again.is_back) == (former.source, role, True, True)
    assert former.is_superseded
    assert session.audience.members[1:] == (again,)


async def test_who_asks_again_to_join_a_pipe_gets_the_oldest_byte_held(run: Run) -> None:
    session, first, _ = await run.kept(CAT)
    former = session.attendance.attach(BOB, role=Role.VIEWER, key=OTHER, joins=True)
    write(session, Stream.STDOUT, b"0123456789")
    first.read(Stream.STDOUT, size=10)
    first.acknowledge(Stream.STDOUT, offset=4)
    again = session.attendance.ask_again(former)
    assert not again.is_behind
    assert again.read(Stream.STDOUT, size=10) == b"456789"


async def test_who_asks_again_for_its_own_session_gets_all_of_it(run: Run) -> None:
    session, former, _ = await run.kept(SHELL)
    write(session, Stream.STDOUT, b"$ ")
    again = session.attendance.ask_again(former)
    assert again.read(Stream.STDOUT, size=2) == session.logs[Stream.STDOUT].read(offset=0, size=2)
    assert (again.wants_screen, again.is_back) == (False, True)


async def test_room_for_output_comes_back_with_its_reader(run: Run) -> None:
    session, former, _ = await run.kept(ExecSpec(command=("yes",)))
    await eventually(lambda: session.logs[Stream.STDOUT].is_full, "a full log")
    former.lose()
    held = session.logs[Stream.STDOUT].end
    await asyncio.sleep(0.05)
    assert session.logs[Stream.STDOUT].end == held, "a pipe waits for its reader"
    session.attendance.resume(former, received=offsets(held), consumed=offsets(held))
    await eventually(lambda: session.logs[Stream.STDOUT].end > held, "more output")


async def test_a_terminal_goes_on_and_its_oldest_bytes_leave(run: Run) -> None:
    session, former, _ = await run.kept(ExecSpec(command=("yes",), tty=True))
    await eventually(lambda: session.logs[Stream.STDOUT].is_full, "a full log")
    former.lose()
    log = session.logs[Stream.STDOUT]
    held = log.end
    await eventually(lambda: log.end > held + 2 * log.capacity, "much more output")
    assert log.end - log.start <= log.capacity
    attachment = session.attendance.resume(former, received=offsets(held), consumed=offsets(held))
    assert attachment.is_behind
    gap = attachment.take_gap()
    assert (gap.stdout, gap.stderr) == (log.end, 0)
    assert attachment.wants_screen


async def test_nobody_who_comes_back_in_time_ends_it(run: Run) -> None:
    session, attachment, task = await run.kept(CAT, keep=0.05)
    attachment.lose()
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()
    assert session.status == (None, "session.expired")
    assert run.engine.running == 0


async def test_coming_back_stops_the_clock(run: Run) -> None:
    session, attachment, _ = await run.kept(CAT, keep=0.1)
    attachment.lose()
    session.attendance.resume(attachment, received=offsets(0), consumed=offsets(0))
    await asyncio.sleep(0.2)
    assert not session.is_over


async def test_bytes_that_were_never_sent_were_not_received(run: Run) -> None:
    session, attachment, _ = await run.kept(CAT)
    attachment.lose()
    with pytest.raises(ProtocolError) as caught:
        session.attendance.resume(attachment, received=offsets(1), consumed=offsets(0))
    assert caught.value.code == "protocol.flow"
    assert not session.audience.is_controlled


async def test_how_it_ended_waits_to_be_told(run: Run) -> None:
    session, attachment, task = await run.kept(ExecSpec(command=("echo", "hi")))
    attachment.lose()
    async with asyncio.timeout(5):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await session.attendance.wait_released()
    attachment = session.attendance.resume(attachment, received=offsets(0), consumed=offsets(0))
    assert attachment.read(Stream.STDOUT, size=10) == b"hi\n"
    attachment.close()
    async with asyncio.timeout(5):
        await session.attendance.wait_released()


@pytest.mark.parametrize("is_late", [False, True])
async def test_how_one_ended_waits_for_who_is_lost_as_long_as_the_session_would_have(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    monkeypatch.setattr(waiting, "KEEP", 0.01)
    session, attachment, task = await run.kept(SHELL, keep=0.3)
    if not is_late:
        attachment.lose()
    session.finish(status=ExitStatus(7))
    if is_late:
        attachment.lose()
    await asyncio.sleep(0.05)
    assert session.audience.members == (attachment,)
    session.end()
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()
    assert not session.audience.members


async def test_who_is_lost_is_given_up_for_others(run: Run) -> None:
    session, attachment, _ = await run.kept(SHELL)
    session.attendance.attach(BOB, role=Role.VIEWER, key=OTHER).lose()
    attachment.lose()
    session.finish(status=ExitStatus(7))
    session.attendance.give_up_all()
    async with asyncio.timeout(5):
        await session.attendance.wait_released()
    assert session.audience.members == ()


async def test_an_end_gives_who_is_lost_no_more_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    session, attachment, task = await run.kept(CAT, keep=60.0)
    attachment.lose()
    expires = session.attendance._waiting._expiries[attachment].when()
    session.end()
    async with asyncio.timeout(5):
        await task
    assert session.attendance._waiting._expiries[attachment].when() == expires


async def test_a_stopping_server_waits_for_nobody(run: Run) -> None:
    session, attachment, task = await run.kept(CAT)
    attachment.lose()
    session.end(reason="server.stopping")
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()


async def test_leaving_for_good_is_not_losing(run: Run) -> None:
    session, attachment, task = await run.kept(CAT)
    attachment.close()
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()
    assert session.status == (None, "session.gone")


# -- detaching -----------------------------------------------------------------------------------------------------


async def test_a_session_that_was_left_to_itself_goes_on_for_a_while(run: Run) -> None:
    session, attachment, task = await run.kept(CAT, keep=0.1)
    attachment.detach()
    assert session.attendance.is_detached
    await asyncio.sleep(0.02)
    assert not session.is_over
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()
    assert session.status == (None, "session.expired")
    assert run.engine.running == 0


async def test_who_detaches_is_not_cut_short_by_one_that_was_lost_before(run: Run) -> None:
    session, first, task = await run.kept(SHELL, keep=0.4)
    second = session.attendance.attach(BOB, key=OTHER)
    first.lose()
    await asyncio.sleep(0.2)
    second.detach()
    left = asyncio.get_running_loop().time()
    assert [session.attendance.is_detached] == [False], "the first one is waited for"
    await eventually(lambda: not session.audience.members, "the first one to be forgotten")
    assert session.attendance.is_detached
    assert not session._end_requested
    async with asyncio.timeout(5):
        await task
    assert asyncio.get_running_loop().time() - left >= 0.4
    assert session.status == (None, "session.expired")


async def test_one_that_is_lost_after_another_detached_has_its_own_time(run: Run) -> None:
    session, first, task = await run.kept(SHELL, keep=0.2)
    session.attendance.attach(BOB, key=OTHER).detach()
    await asyncio.sleep(0.1)
    first.lose()
    lost = asyncio.get_running_loop().time()
    async with asyncio.timeout(5):
        await task
    assert asyncio.get_running_loop().time() - lost >= 0.2
    assert session.status == (None, "session.expired")


async def test_who_comes_after_one_detached_takes_the_session_along(run: Run) -> None:
    session, first, task = await run.kept(SHELL)
    first.detach()
    session.attendance.attach(BOB, key=OTHER).close()
    async with asyncio.timeout(5):
        await task
    assert session.status == (None, "session.gone")


async def test_who_comes_in_stops_the_clock_and_a_viewer_does_not(run: Run) -> None:
    session, attachment, task = await run.kept(SHELL, keep=0.1)
    attachment.detach()
    session.attendance.attach(BOB, role=Role.VIEWER)
    async with asyncio.timeout(5):
        await task
    session, attachment, _ = await run.kept(SHELL, keep=0.1)
    attachment.detach()
    session.attendance.attach(ALICE)
    await asyncio.sleep(0.2)
    assert not session.is_over


async def test_the_end_of_one_that_nobody_is_in_is_kept_for_who_asks(run: Run) -> None:
    session, attachment, task = await run.kept(ExecSpec(command=("sh", "-c", "cat; exit 4"), stdin=True))
    attachment.detach()
    session.end_stdin()
    async with asyncio.timeout(5):
        await task
    assert session.status == (4, "")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await session.attendance.wait_released()
    session.attendance.attach(BOB, role=Role.VIEWER).close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await session.attendance.wait_released()
    session.attendance.attach(BOB).close()
    async with asyncio.timeout(5):
        await session.attendance.wait_released()


async def test_a_viewer_that_leaves_tells_a_lost_controller_nothing(run: Run) -> None:
    session, attachment, task = await run.kept(ExecSpec(command=("true",), tty=True))
    viewer = session.attendance.attach(BOB, role=Role.VIEWER, key=OTHER)
    attachment.lose()
    async with asyncio.timeout(5):
        await task
    viewer.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await session.attendance.wait_released()
    session.attendance.resume(attachment, received=offsets(0), consumed=offsets(0)).close()
    async with asyncio.timeout(5):
        await session.attendance.wait_released()


async def test_who_killed_it_need_not_be_told(run: Run) -> None:
    session, attachment, task = await run.kept(CAT)
    attachment.detach()
    session.end(reason="session.killed")
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()
    assert session.status == (None, "session.killed")


# -- several -------------------------------------------------------------------------------------------------------


async def test_the_last_controller_takes_it_along(run: Run) -> None:
    session, first, task = await run.kept(SHELL)
    second = session.attendance.attach(BOB)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER)
    first.close()
    await asyncio.sleep(0.05)
    assert not session.is_over
    second.close()
    async with asyncio.timeout(5):
        await task
    assert session.status == (None, "session.gone")
    viewer.close()
    async with asyncio.timeout(5):
        await session.attendance.wait_released()


async def test_one_that_is_lost_is_waited_for_although_others_leave(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    second = session.attendance.attach(BOB)
    first.lose()
    second.close()
    await asyncio.sleep(0.05)
    assert not session.is_over


async def test_one_that_does_not_come_back_is_forgotten_while_others_go_on(run: Run) -> None:
    session, first, _ = await run.kept(SHELL, keep=0.05)
    second = session.attendance.attach(BOB)
    first.lose()
    await eventually(lambda: len(session.audience.members) == 1, "one to be forgotten")
    assert session.audience.members == (second,)
    assert not session.is_over


async def test_a_pipe_has_one_controller_and_any_number_of_viewers(run: Run) -> None:
    session, first, _ = await run.kept(CAT)
    session.attendance.attach(BOB, role=Role.VIEWER)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER)
    with pytest.raises(SessionError) as refused:
        session.attendance.attach(BOB)
    assert refused.value.code == "session.busy"
    with pytest.raises(SessionError):
        session.attendance.change_role(viewer, Role.CONTROLLER)
    assert (viewer.role, first.is_controller, first.answers) == (Role.VIEWER, True, True)
    assert first in session.audience.members
    first.lose()
    taken = session.attendance.attach(BOB)
    assert first not in session.audience.members
    taken.close()


async def test_a_taken_over_pipe_goes_on_at_the_oldest_byte_held(run: Run) -> None:
    session, first, _ = await run.kept(CAT)
    first.write_stdin(b"0123456789")
    await eventually(lambda: session.bytes_out == 10, "the echo")
    first.read(Stream.STDOUT, size=10)
    first.acknowledge(Stream.STDOUT, offset=4)
    first.lose()
    taken = session.attendance.attach(BOB)
    assert taken.cursor(Stream.STDOUT) == 4
    assert taken.read(Stream.STDOUT, size=10) == b"456789"


async def test_too_many_are_refused(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    for _ in range(MAX_SOURCES - 1):
        session.attendance.attach(ALICE)
    with pytest.raises(SessionError) as refused:
        session.attendance.attach(ALICE)
    assert refused.value.code == "session.limit"
    viewers = [session.attendance.attach(BOB, role=Role.VIEWER) for _ in range(MAX_ATTACHED - MAX_SOURCES)]
    with pytest.raises(SessionError) as refused:
        session.attendance.attach(BOB, role=Role.VIEWER)
    assert refused.value.code == "session.limit"
    with pytest.raises(SessionError) as refused:
        session.attendance.change_role(viewers[0], Role.CONTROLLER)
    assert refused.value.code == "session.limit"
    assert not viewers[0].is_controller
    first.close()
    session.attendance.change_role(viewers[0], Role.CONTROLLER)
    assert viewers[0].is_controller


@pytest.mark.parametrize("role", [Role.CONTROLLER, Role.VIEWER])
async def test_who_only_looked_on_and_is_lost_makes_room(run: Run, role: Role) -> None:
    session, first, _ = await run.kept(SHELL)
    others = [session.attendance.attach(ALICE, key=f"{n:032}") for n in range(3)]
    viewers = [
        session.attendance.attach(BOB, role=Role.VIEWER, key=f"{n:032}")
        for n in range(MAX_ATTACHED - len(session.audience.members))
    ]
    for lost in (first, others[0], viewers[3], viewers[1]):
        lost.lose()
    for gone in (viewers[3], viewers[1]):
        assert gone in session.audience.members
        session.attendance.attach(BOB, role=role)
        assert gone not in session.audience.members
    with pytest.raises(SessionError):
        session.attendance.attach(BOB, role=role)
    assert len(session.audience.members) == MAX_ATTACHED
    assert first in session.audience.members, "who writes is waited for"
    assert not session.is_over
    assert session.attendance._waiting.lost == (first, others[0])


async def test_who_gave_the_keyboard_away_and_is_lost_gives_its_place(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER, key=OTHER)
    for _ in range(MAX_SOURCES - 1):
        session.attendance.attach(ALICE)
    session.attendance.change_role(first, Role.VIEWER)
    with pytest.raises(SessionError):
        session.attendance.attach(ALICE)
    viewer.lose()
    first.lose()
    late = session.attendance.attach(ALICE)
    assert late.source == first.source
    assert viewer in session.audience.members, "it had no place to give"
    assert first not in session.audience.members


async def test_input_of_who_gets_the_keyboard_is_counted_from_there(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER)
    other = session.attendance.attach(ALICE)
    other.write_stdin(b"# of a place that is free again\n")
    other.close()
    assert (viewer.stdin_received, viewer.stdin_consumed) == (0, 0)
    session.attendance.change_role(viewer, Role.CONTROLLER)
    assert (viewer.stdin_received, viewer.stdin_consumed) == (0, 0)
    viewer.write_stdin(b"# mine\n")
    first.write_stdin(b"# not mine\n")
    await eventually(lambda: viewer.stdin_consumed == 7, "its input gone to the engine")
    assert viewer.stdin_received == 7


async def test_who_is_refused_for_want_of_room_has_changed_nothing(run: Run) -> None:
    session, first, _ = await run.kept(CAT)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER, key=OTHER)
    viewer.lose()
    for _ in range(MAX_ATTACHED - 2):
        session.attendance.attach(BOB, role=Role.VIEWER)
    members = session.audience.members
    with pytest.raises(SessionError) as refused:
        session.attendance.attach(BOB)
    assert refused.value.code == "session.busy"
    assert session.audience.members == members
    first.lose()
    session.attendance.attach(BOB)
    assert session.audience.members[:-1] == members[1:]


async def test_a_role_is_changed_and_told(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    viewer = session.attendance.attach(BOB, role=Role.VIEWER)
    viewer.was_told_role = True
    session.attendance.change_role(viewer, Role.CONTROLLER)
    assert viewer.is_controller
    assert not viewer.was_told_role
    session.attendance.change_role(first, Role.VIEWER)
    assert (first.answers, viewer.answers) == (False, True)
    first.close()
    await asyncio.sleep(0.05)
    assert not session.is_over


async def test_input_of_several_is_counted_apart(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    second = session.attendance.attach(BOB)
    first.write_stdin(b"abc")
    second.write_stdin(b"defgh")
    assert (first.stdin_received, second.stdin_received, session.bytes_in) == (3, 5, 8)
    assert (first.stdin_consumed, second.stdin_consumed) == (3, 5)
    second.lose()
    resumed = session.attendance.resume(first, received=offsets(0), consumed=offsets(0))
    resumed.write_stdin(b"i")
    assert resumed.stdin_received == 4
    second.session.attendance.give_up(second)
    third = session.attendance.attach(BOB)
    assert third.source == second.source
    assert third.stdin_received == third.stdin_consumed == 0


async def test_give_up_is_for_those_who_are_lost(run: Run) -> None:
    session, attachment, task = await run.kept(CAT)
    session.attendance.give_up(attachment)
    assert attachment in session.audience.members
    attachment.lose()
    session.attendance.give_up(attachment)
    async with asyncio.timeout(5):
        await task
        await session.attendance.wait_released()


async def test_what_is_left_to_the_next_server_is_left_alone(run: Run) -> None:
    session, attachment, task = await run.kept(CAT)
    session.abandon()
    attachment.close()
    attachment.detach()
    session.end()
    async with asyncio.timeout(5):
        await task
    assert not session.is_over
    assert session.audience.members == (attachment,)
    assert attachment.key == KEY
    assert run.engine.running == 1


async def test_a_session_whose_controllers_became_viewers_ends_with_the_last_of_them(run: Run) -> None:
    session, first, task = await run.kept(SHELL)
    second = session.attendance.attach(BOB, role=Role.VIEWER)
    session.attendance.change_role(first, Role.VIEWER)
    first.close()
    await asyncio.sleep(0.05)
    assert not session.is_over, "the other one may take the keyboard"
    second.close()
    async with asyncio.timeout(5):
        await task
    assert session.status == (None, "session.gone")


async def test_a_viewer_that_leaves_one_that_was_left_to_itself_leaves_it_alone(run: Run) -> None:
    session, first, _ = await run.kept(SHELL)
    first.detach()
    session.attendance.attach(BOB, role=Role.VIEWER).close()
    await asyncio.sleep(0.05)
    assert not session.is_over
