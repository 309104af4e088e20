"""What leaves to each of several clients of one session, over real sockets, against the fake engine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.door import Door
from tests.engines import eventually
from tests.wire_client import DEADLINE, WireClient, connected
from whale.engine.fake import FakeEngine, FakeProcess
from whale.gateway.context import CONTEXT
from whale.gateway.sender import SessionSender
from whale.gateway.websocket import WebSocket
from whale.model.errors import AccessDenied
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.limits import MAX_PIECE, MAX_WINDOW, WINDOW_TTY
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.session import Session
from whale.wire.events import (
    ClientEvent,
    GapReceived,
    OutputReceived,
    ScreenReceived,
    StatusReceived,
    Violated,
)
from whale.wire.frames import Channel
from whale.wire.messages import OutputAck, encode_output_ack
from whale.wire.requests import Join, encode_join
from whale.wire.server import ServerConnection
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
        await owner.finish()
        await viewer.finish()
        assert viewer.missed > size - 4 * WINDOW_TTY
        assert viewer.missed + len(viewer.stdout) == len(owner.stdout)
        assert viewer.screen.startswith(b"a picture")
        assert viewer.status is not None
        assert viewer.status.status == (0, "")


def numbers(begin: int, end: int) -> bytes:
    """A piece of a stream in which every byte says where it is, nearly."""
    first, last = begin // 8, -(-end // 8)
    return b"".join(b"%07d\n" % number for number in range(first, last))[begin - 8 * first :][: end - begin]


async def hear(client: WireClient) -> ClientEvent:
    """Take one message, and answer nothing."""
    async with asyncio.timeout(DEADLINE):
        message = await client.transport.recv(decode=False)
    event = client.wire.receive_message(message)
    assert not isinstance(event, Violated), event
    return event


async def test_what_a_viewer_of_a_pipe_missed_is_told_to_the_byte(door: Door, engine: FakeEngine) -> None:
    size = 12 * MAX_PIECE

    async def flood(process: FakeProcess) -> int:
        await process.read()
        for begin in range(0, size, MAX_PIECE):
            await process.write(numbers(begin, begin + MAX_PIECE))
            await process.write(numbers(begin // 4, (begin + MAX_PIECE) // 4), Stream.STDERR)
        await process.read()
        return 0

    engine.add_program("flood", flood)
    async with connected(door) as owner, connected(door) as viewer:
        await owner.open("web", ExecSpec(command=("flood",), stdin=True), attachment=KEY)
        assert owner.opened is not None
        await viewer.join(owner.opened.session, role=Role.VIEWER)
        viewer.transport.transport.pause_reading()
        await owner.write(b"\n")
        async with asyncio.timeout(DEADLINE):
            while len(owner.stdout) < size or len(owner.stderr) < size // 4:
                await owner.step()
        await owner.write(b"\n")
        viewer.transport.transport.resume_reading()
        at, missed = {Stream.STDOUT: 0, Stream.STDERR: 0}, 0
        while not isinstance(event := await hear(viewer), StatusReceived):
            if isinstance(event, GapReceived):
                at = {stream: at[stream] + event.missed[stream] for stream in at}
                missed += event.missed[Stream.STDOUT]
                await viewer.transport.send(event.ack)
            elif isinstance(event, OutputReceived):
                end = at[event.stream] + len(event.data)
                assert event.data == numbers(at[event.stream], end)
                at[event.stream] = end
                ack = viewer.wire.consumed(event.stream, len(event.data))
                if ack is not None:
                    await viewer.transport.send(ack)
        assert at == {Stream.STDOUT: size, Stream.STDERR: size // 4}, "as the status says, too"
        assert missed > 0
        await owner.finish()


async def test_a_viewer_that_acknowledges_nothing_gets_no_picture_after_another(door: Door, engine: FakeEngine) -> None:
    size = 60 * MAX_PIECE

    async def flood(process: FakeProcess) -> int:
        await process.read()
        await process.write(b"x" * size)
        await process.read()
        return 0

    engine.add_program("flood", flood)
    async with connected(door) as owner, connected(door) as viewer:
        await owner.open("web", ExecSpec(command=("flood",), tty=True, stdin=True), attachment=KEY)
        assert owner.opened is not None
        await viewer.join(owner.opened.session, role=Role.VIEWER)
        heard: list[ClientEvent] = []

        async def listen() -> None:
            while True:
                heard.append(await hear(viewer))

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            await owner.write(b"\n")
            async with asyncio.timeout(DEADLINE):
                while len(owner.stdout) < size:
                    await owner.step()
            listening.cancel()
        assert sum(len(event.data) for event in heard if isinstance(event, OutputReceived)) == WINDOW_TTY
        assert sum(isinstance(event, ScreenReceived) for event in heard) == 0, "it has no credit for what comes next"


class Narrow:
    """Takes the place of a WebSocket: keeps what is sent, and is as full as the test says."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_congested = False

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def pictures(self) -> int:
        return sum(message[0] == Channel.SCREEN for message in self.sent)


async def test_a_picture_waits_for_room_and_for_the_word_that_the_last_one_came(door: Door) -> None:
    async with connected(door) as owner, asyncio.TaskGroup() as tasks:
        await owner.open("web", ExecSpec(command=("cat",), tty=True, stdin=True), attachment=KEY)
        (session,) = door.registry.sessions()
        viewer = session.attendance.attach(session.decision.principal, role=Role.VIEWER)
        narrow, wire = Narrow(), ServerConnection()
        wire.receive_message(encode_join(Join(session.id, Role.VIEWER, OTHER, MAX_WINDOW, 0)))
        sender = SessionSender(viewer, ws=cast(WebSocket, narrow), wire=wire, is_over=lambda: False)
        running = tasks.create_task(sender.run(replay=0))
        await eventually(lambda: bool(narrow.sent), "the answer")

        def write() -> None:
            """More than the log has room for, a piece at a time."""
            for _ in range(session.logs[Stream.STDOUT].capacity // MAX_PIECE + 1):
                session.output_received(Stream.STDOUT, b"x" * MAX_PIECE)
                session.output_committed()

        narrow.is_congested = True
        write()
        assert (viewer.is_behind, narrow.pictures()) == (True, 0)
        narrow.is_congested = False
        viewer.wake()
        assert (viewer.is_behind, narrow.pictures()) == (False, 1)
        first = wire.output[Stream.STDOUT].sent
        narrow.is_congested = True
        write()
        narrow.is_congested = False
        viewer.wake()
        assert (viewer.is_behind, narrow.pictures()) == (True, 1)
        wire.output[Stream.STDOUT].window *= 4  # so that it is not for want of credit
        viewer.wake()
        assert (viewer.is_behind, narrow.pictures()) == (True, 1)
        wire.receive_message(encode_output_ack(OutputAck(first, 0, status=False)))
        viewer.wake()
        assert (viewer.is_behind, narrow.pictures()) == (False, 2)
        running.cancel()


async def test_one_terminal_that_ends_its_input_leaves_that_of_others(door: Door) -> None:
    async with connected(door) as first, connected(door) as second:
        await first.open("web", SHELL, attachment=KEY)
        assert first.opened is not None
        await first.end_stdin()
        await second.join(first.opened.session, attachment=OTHER)
        assert second.opened is not None
        assert not second.opened.stdin_ended
        await second.write(b"echo mine\n")
        await second.read_until(b"mine\r\n")
        await first.read_until(b"mine\r\n")
        first.transport.transport.abort()
        async with connected(door, going_on_with=first) as again:
            await again.attach()
            assert again.opened is not None
            assert again.opened.stdin_ended


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


async def test_a_client_whose_join_was_never_answered_joins_once_and_late(door: Door) -> None:
    async with connected(door) as owner, connected(door) as client:
        await owner.open("web", SHELL, attachment=KEY)
        assert owner.opened is not None
        await owner.write(b"echo before\n")
        await owner.read_until(b"before\r\n")
        join = client.wire.join(
            owner.opened.session, role=Role.CONTROLLER, attachment=OTHER, tty=True, stdin=True, size=None
        )
        await client.transport.send(join)
        (session,) = door.registry.sessions()
        await eventually(lambda: len(session.audience.members) == 2, "a second one")
        client.transport.transport.abort()
        async with connected(door, going_on_with=client) as again:
            await again.attach()
            assert again.opened is not None
            end = session.logs[Stream.STDOUT].end
            assert (again.opened.joined, again.opened.stdout, again.opened.replay) == (True, end, end)
            await again.write(b"echo after\n")
            await again.read_until(b"after\r\n")
            assert again.screen.startswith(b"a picture of ")
            assert b"before" not in again.stdout
            assert len(session.audience.members) == 2


@asynccontextmanager
async def returning(door: Door, spec: ExecSpec = SHELL, *, screen: bool = True) -> AsyncIterator[WireClient]:
    """A client that was away while its shell went on, and comes back."""
    async with connected(door) as owner, connected(door) as other:
        await owner.open("web", spec, attachment=KEY)
        assert owner.opened is not None
        await owner.write(b"echo before\n")
        await owner.read_until(b"before")
        owner.transport.transport.abort()
        (session,) = door.registry.sessions()
        await eventually(lambda: session.audience.members[0].is_lost, "a connection that broke")
        if spec.tty:
            await other.join(owner.opened.session, attachment=OTHER)
            await other.write(b"echo meanwhile\n")
            await other.read_until(b"meanwhile\r\n")
        async with connected(door, going_on_with=owner) as again:
            await again.attach(screen=screen)
            yield again


async def test_who_asks_for_the_picture_gets_it_once_behind_all_that_was_missed(door: Door) -> None:
    async with returning(door) as client:
        while not client.screen:
            await client.step()
        (session,) = door.registry.sessions()
        assert client.opened is not None
        assert client.opened.screen
        assert client.screen == b"a picture of %d bytes" % session.bytes_out
        assert client.screen_at == len(client.stdout) == session.bytes_out, (
            "nothing was left out, and nothing is counted"
        )
        assert b"meanwhile\r\n" in client.stdout
        await client.write(b"echo after\nexit\n")
        await client.finish()
        assert client.missed == 0
        assert client.screen.count(b"picture") == 1
        assert client.status is not None
        assert client.status.stdout == len(client.stdout)


async def test_the_picture_waits_for_output_that_a_full_connection_does_not_take(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_full = iter([True] * 4)
    original = SessionSender.run

    async def run(sender: SessionSender, *, replay: int) -> None:
        if sender._attachment.owes_screen:
            monkeypatch.setattr(WebSocket, "is_congested", property(lambda _: next(is_full, False)))
            monkeypatch.setattr(WebSocket, "drain", lambda _: asyncio.sleep(0))
        await original(sender, replay=replay)

    monkeypatch.setattr(SessionSender, "run", run)
    async with returning(door) as client:
        while not client.screen:
            await client.step()
        assert next(is_full, None) is None, "it was full"
        assert client.screen_at == door.registry.sessions()[0].bytes_out


async def test_who_does_not_ask_for_the_picture_gets_none(door: Door) -> None:
    async with returning(door, screen=False) as client:
        await client.write(b"exit\n")
        await client.finish()
        assert (client.screen, client.missed) == (b"", 0)


async def test_without_a_terminal_there_is_no_picture(door: Door) -> None:
    async with returning(door, ExecSpec(command=("cat",), stdin=True)) as client:
        assert client.opened is not None
        assert not client.opened.screen
        await client.end_stdin()
        await client.finish()
        assert client.screen == b""


async def test_without_an_emulator_nothing_is_painted_over(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "has_picture", False)
    async with returning(door) as client:
        assert client.opened is not None
        assert not client.opened.screen
        await client.write(b"exit\n")
        await client.finish()
        assert client.screen == b""


async def test_what_was_asked_before_an_open_was_answered_is_not_answered_again(door: Door) -> None:
    async with connected(door) as client:
        await client.transport.send(client.wire.open("web", SHELL, attachment=KEY))
        await eventually(lambda: any(session.bytes_out for session in door.registry.sessions()), "a prompt")
        client.transport.transport.abort()
        async with connected(door, going_on_with=client) as again:
            await again.attach()
            assert again.opened is not None
            assert (again.opened.stdout, again.opened.joined) == (0, False)
            assert again.opened.replay > 0


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
        await viewer.change_role(Role.CONTROLLER)
        assert viewer.role is Role.VIEWER
        while not viewer.notices:
            await viewer.step()
        assert viewer.notices[0].code == "session.busy"
        (session,) = door.registry.sessions()
        assert [member.role for member in session.audience.members] == [Role.CONTROLLER, Role.VIEWER]
        await owner.write(b"mine")
        await viewer.read_until(b"mine")


async def test_who_may_not_give_the_keyboard_away_still_has_it(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AccessDenied("no")

    monkeypatch.setattr(door.app[CONTEXT].sessions, "change_role", refuse)
    async with connected(door) as owner:
        await owner.open("web", SHELL, attachment=KEY)
        await owner.change_role(Role.VIEWER)
        assert owner.role is Role.CONTROLLER
        await owner.write(b"echo mine\n")
        await owner.read_until(b"mine\r\n")
        assert owner.notices[0].code == "access.denied"


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


async def test_whom_the_policy_takes_its_place_is_told_why(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=KEY)
        (session,) = door.registry.sessions()
        session.audience.members[0].revoke(because="maintenance")
        while client.failure is None:
            await client.step()
        assert (client.failure.code, client.failure.hint) == ("access.withdrawn", "maintenance")
        async with asyncio.timeout(DEADLINE):
            await client.transport.wait_closed()
        assert client.close_code == 4403


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
            await eventually(lambda: not client.is_connected, "the kernel to let go of it, too")
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
        assert (session.control._signals, session.bytes_in, session.is_stdin_ended) == ([], 0, False)
