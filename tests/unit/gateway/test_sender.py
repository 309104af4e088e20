"""What leaves to each of several clients of one session, over real sockets, against the fake engine."""

import asyncio
from collections.abc import Callable

import pytest

from tests.door import Door
from tests.engines import eventually
from tests.wire_client import DEADLINE, connected
from whale.engine.fake import FakeEngine, FakeProcess
from whale.gateway.websocket import WebSocket
from whale.model.exec import ExecSpec, Signal
from whale.model.limits import MAX_PIECE, WINDOW_TTY
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.session import Session
from whale.wire.websocket import MessageReceived

SHELL = ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=100, rows=30))
KEY, OTHER = "5f" * 16, "77" * 16


@pytest.fixture(autouse=True)
def picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "repaint", lambda self: b"a picture of %d bytes" % self.bytes_out)


async def test_who_joins_gets_the_picture_and_what_comes_after_it(door: Door) -> None:
    async with connected(door) as owner, connected(door) as late:
        await owner.open("web", SHELL, attachment=KEY)
        await owner.write(b"echo before\n")
        await owner.read_until(b"before\r\n")
        assert owner.opened is not None
        await late.join(owner.opened.session)
        assert late.opened is not None
        assert (late.opened.joined, late.opened.answers, late.opened.role) == (True, False, Role.CONTROLLER)
        await late.write(b"echo after\n")
        await late.read_until(b"after\r\n")
        assert late.screen.startswith(b"a picture of ")
        assert b"before" not in late.stdout
        await owner.read_until(b"after\r\n")


async def test_a_viewer_that_does_not_read_delays_nobody_and_is_told_what_it_missed(
    door: Door, engine: FakeEngine
) -> None:
    size = 40 * MAX_PIECE

    async def flood(process: FakeProcess) -> int:
        await process.read()
        for _ in range(40):
            await process.write(b"x" * MAX_PIECE)
        await process.read()
        await process.write(b"the end")
        return 0

    engine.add_program("flood", flood)
    async with connected(door) as owner, connected(door) as viewer:
        await owner.open("web", ExecSpec(command=("flood",), tty=True, stdin=True), attachment=KEY)
        assert owner.opened is not None
        await viewer.join(owner.opened.session, role=Role.VIEWER)
        await owner.write(b"\n")
        async with asyncio.timeout(DEADLINE):
            while len(owner.stdout) < size:
                await owner.step()
        await owner.write(b"\n")
        await owner.read_until(b"the end")
        await viewer.read_until(b"the end")
        assert viewer.missed > size - 4 * WINDOW_TTY
        assert viewer.missed + len(viewer.stdout) == len(owner.stdout)
        assert viewer.screen.startswith(b"a picture")
        await owner.finish()
        await viewer.finish()
        assert viewer.status is not None
        assert viewer.status.status == (0, "")


async def test_detaching_leaves_the_session_to_the_next_one(door: Door) -> None:
    async with connected(door) as first, connected(door) as second:
        await first.open("web", SHELL, attachment=KEY)
        assert first.opened is not None
        await first.detach()
        assert first.detached == 86400
        assert first.close_code == 1000
        await second.join(first.opened.session, attachment=OTHER)
        await second.write(b"exit\n")
        await second.finish()
        assert second.status is not None
        assert second.status.status == (0, "")


async def test_roles_are_changed_while_it_runs(door: Door) -> None:
    async with connected(door) as owner, connected(door) as viewer:
        await owner.open("web", SHELL, attachment=KEY)
        assert owner.opened is not None
        await viewer.join(owner.opened.session, role=Role.VIEWER)
        await viewer.change_role(Role.CONTROLLER)
        assert viewer.role is Role.CONTROLLER
        await owner.change_role(Role.VIEWER)
        await viewer.write(b"echo mine\n")
        await owner.read_until(b"mine\r\n")


async def test_a_pipe_has_no_second_controller_and_says_so_in_a_notice(door: Door) -> None:
    async with connected(door) as owner, connected(door) as viewer, connected(door) as third:
        await owner.open("web", ExecSpec(command=("cat",), stdin=True), attachment=KEY)
        assert owner.opened is not None
        await third.join(owner.opened.session, attachment=OTHER)
        assert third.failure is not None
        assert third.failure.code == "session.busy"
        await viewer.join(owner.opened.session, role=Role.VIEWER)
        await viewer.transport.send(viewer.wire.change_role(Role.CONTROLLER))
        while not viewer.notices:
            await viewer.step()
        assert viewer.notices[0].code == "session.busy"


async def test_a_session_left_to_the_next_server_is_closed_without_a_word(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=KEY)
        [session] = door.registry.sessions()
        session.abandon()
        async with asyncio.timeout(DEADLINE):
            await client.transport.wait_closed()
        assert client.close_code == 1001
        assert (client.failure, client.status) == (None, None)
        session.is_abandoned = False


async def test_who_is_revoked_is_told_at_once_and_closed(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client, connected(door) as viewer:
        await client.open("web", SHELL, attachment=KEY)
        assert client.opened is not None
        await viewer.join(client.opened.session, role=Role.VIEWER)
        (session,) = door.registry.sessions()
        session.audience.members[1].revoke()
        while viewer.failure is None:
            await viewer.step()
        assert viewer.failure.code == "auth.revoked"
        assert viewer.failure.hint
        async with asyncio.timeout(DEADLINE):
            await viewer.transport.wait_closed()
        assert viewer.close_code == 4401
        await client.write(b"echo alive\n")
        await client.read_until(b"alive")
        assert engine.running == 1


# -- whoever has lost its place ------------------------------------------------------------------------------------

DISPLACE = [Attachment.revoke, Attachment.supersede]


@pytest.mark.parametrize("displace", DISPLACE)
async def test_who_has_no_place_any_more_and_reads_nothing_is_cut_off(
    door: Door, sockets: list[WebSocket], displace: Callable[[Attachment], None]
) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("yes",)), attachment=KEY)
        client.transport.transport.pause_reading()
        await eventually(lambda: sockets[0].is_congested, "a connection that is full")
        (session,) = door.registry.sessions()
        displace(session.audience.members[0])
        async with asyncio.timeout(1.5):
            await sockets[0]._ended.wait()
        client.transport.transport.abort()


@pytest.mark.parametrize("displace", DISPLACE)
async def test_who_loses_its_place_before_it_confirms_the_status_is_told(
    door: Door, displace: Callable[[Attachment], None]
) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("true",)), attachment=KEY)
        while client.status is None:
            await client.step()
        (session,) = door.registry.sessions()
        displace(session.audience.members[0])
        async with asyncio.timeout(1.5):
            await client.transport.wait_closed()
        assert client.close_code in (4401, 4409)


async def test_nothing_that_a_revoked_client_still_says_counts(door: Door, sockets: list[WebSocket]) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("cat",), stdin=True), attachment=KEY)
        (session,) = door.registry.sessions()
        session.audience.members[0].revoke()
        for said in (client.wire.signal(Signal.KILL), client.wire.send_stdin(b"typed"), client.wire.end_stdin()):
            sockets[0]._receiver.message_received(MessageReceived(said, binary=True))
        assert (session._signals, session.bytes_in, session.is_stdin_ended) == ([], 0, False)
