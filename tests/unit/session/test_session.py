"""Output, input and pictures of a session that no task runs: what an engine says is what the test says."""

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.session.conftest import ALICE, BOB, KEY, new_session, offsets, write
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.limits import MAX_PIECE, MAX_QUEUED_SIGNALS, MIN_LOG
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.record import decode_record, encode_record
from whale.session.session import Session, SessionState

SHELL = ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=100, rows=40))
PIECE = b"x" * (MIN_LOG // 4)


class Emulator:
    """Answers every question mark, and shows how much it has seen."""

    is_gone = is_blamed = False

    def __init__(self, size: TerminalSize, *, blame: Callable[[bool], None]) -> None:
        self.size = size
        self.seen = 0
        self._replies = b""

    def feed(self, data: bytes) -> None:
        self.seen += len(data)
        self._replies += b"!" * data.count(b"?")

    def resize(self, size: TerminalSize) -> None:
        self.size = size

    def repaint(self) -> bytes:
        return b"%d seen" % self.seen

    def replies(self) -> bytes:
        replies, self._replies = self._replies, b""
        return replies

    def close(self) -> None:
        """Nothing to let go of."""


class Exec:
    """Takes input and pauses."""

    stdin_pending = 0

    is_stdin_ended = False

    def __init__(self) -> None:
        self.got: dict[int, bytes] = {}
        self.delivered: dict[int, int] = {}
        """Where less has left than was written."""
        self.is_paused = False

    def write_stdin(self, data: bytes, *, source: int = 0) -> None:
        self.got[source] = self.got.get(source, b"") + data

    def stdin_delivered(self, source: int) -> int:
        return self.delivered.get(source, len(self.got.get(source, b"")))

    def output_delivered(self, stream: Stream) -> int:
        return 100 + stream

    def end_stdin(self) -> None:
        self.is_stdin_ended = True

    def descriptors(self) -> tuple[int, ...]:
        return ()

    def describe(self) -> bytes:
        return b""

    def pause_output(self) -> None:
        self.is_paused = True

    def resume_output(self) -> None:
        self.is_paused = False


def begun(session: Session) -> Exec:
    exec = Exec()
    session.begin(exec)  # type: ignore[arg-type]
    return exec


@pytest.fixture
async def shell(engine: FakeEngine, container: Container, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr("whale.session.picture.open_screen", Emulator)
    return new_session(engine, container, SHELL, window=MIN_LOG, keep=60)


async def test_a_pipe_waits_for_its_controller_and_not_for_a_viewer(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container, window=MIN_LOG)
    owner, _ = session.attendance.attach(ALICE), session.attendance.attach(BOB, role=Role.VIEWER)
    exec = begun(session)
    for _ in range(4):
        assert not exec.is_paused
        write(session, Stream.STDOUT, PIECE)
    assert exec.is_paused
    owner.read(Stream.STDOUT, size=MIN_LOG)
    owner.acknowledge(Stream.STDOUT, offset=MIN_LOG // 4)
    assert exec.is_paused, "not for every piece"
    owner.acknowledge(Stream.STDOUT, offset=MIN_LOG)
    assert not exec.is_paused


async def test_nothing_is_sent_before_it_is_noted(session: Session) -> None:
    attachment, told = session.attendance.attach(ALICE), list[str]()
    attachment.listen(lambda: told.append("changed"))
    session.output_received(Stream.STDOUT, b"hello")
    assert told == []
    session.output_committed()
    assert told == ["changed"]


async def test_a_terminal_keeps_more_than_its_controller_needs(shell: Session) -> None:
    owner = shell.attendance.attach(ALICE)
    exec = begun(shell)
    for _ in range(100):
        write(shell, Stream.STDOUT, PIECE)
        owner.read(Stream.STDOUT, size=MAX_PIECE)
        owner.acknowledge(Stream.STDOUT, offset=owner.cursor(Stream.STDOUT))
    log = shell.logs[Stream.STDOUT]
    assert not exec.is_paused
    assert log.end == 100 * len(PIECE)
    assert log.capacity // 4 <= log.end - log.start <= log.capacity
    late = shell.attendance.attach(BOB, role=Role.VIEWER)
    assert late.cursor(Stream.STDOUT) == log.end
    assert late.wants_screen
    assert late.take_screen() == b"%d seen" % log.end
    assert not late.wants_screen


async def test_a_terminal_without_a_controller_goes_on(shell: Session) -> None:
    owner = shell.attendance.attach(ALICE, key=KEY)
    exec = begun(shell)
    write(shell, Stream.STDOUT, b"hello")
    owner.lose()
    for _ in range(100):
        write(shell, Stream.STDOUT, PIECE)
    assert not exec.is_paused
    back = shell.attendance.resume(owner, received=offsets(5), consumed=offsets(5))
    assert back.is_behind
    back.take_gap()
    assert back.take_screen() == b"%d seen" % (5 + 100 * len(PIECE))


async def test_questions_are_answered_once_by_whoever_is_there(shell: Session) -> None:
    owner = shell.attendance.attach(ALICE, key=KEY)
    exec = begun(shell)
    write(shell, Stream.STDOUT, b"asked of the owner: ?")
    assert exec.got == {}
    owner.read(Stream.STDOUT, size=100)
    owner.lose()
    assert exec.got == {}
    write(shell, Stream.STDOUT, b"asked of nobody: ??")
    assert exec.got == {15: b"!!"}
    shell.attendance.resume(owner, received=offsets(0), consumed=offsets(0))
    write(shell, Stream.STDOUT, b"asked of the owner again: ?")
    assert exec.got == {15: b"!!"}


async def test_the_emulator_hears_nothing_of_each_key(shell: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = shell.attendance.attach(ALICE, key=KEY)
    begun(shell)
    write(shell, Stream.STDOUT, b"$ ")
    assert shell.repaint() == b"2 seen", "there is an emulator"

    def asked(*_arguments: object) -> bytes:
        raise AssertionError("it was asked")

    for name in ("feed", "replies", "repaint"):
        monkeypatch.setattr(Emulator, name, asked)
    for _ in range(100):
        write(shell, Stream.STDOUT, b"x")
        owner.read(Stream.STDOUT, size=1)


async def test_a_command_that_does_not_read_gets_no_more_answers(shell: Session) -> None:
    shell.attendance.attach(ALICE).detach()
    exec = begun(shell)
    exec.stdin_pending = 10
    write(shell, Stream.STDOUT, b"?")
    assert exec.got == {}


async def test_everybody_is_told(session: Session) -> None:
    first, second = session.attendance.attach(ALICE), session.attendance.attach(BOB, role=Role.VIEWER)
    session.notify(code="x", message="y")
    assert list(first.notices) == list(second.notices) == [("x", "y")]


async def test_input_is_taken_when_it_arrives_and_consumed_when_it_has_left(session: Session) -> None:
    owner = session.attendance.attach(ALICE)
    exec = begun(session)
    session.write_stdin(owner, b"hello")
    assert exec.got == {owner.source: b"hello"}
    exec.delivered[owner.source] = 2
    assert (session.stdin_received(owner), session.stdin_consumed(owner)) == (5, 2)
    assert (session.written(owner.source), session.bytes_in) == (5, 5)
    woken = list[str]()
    owner.listen(lambda: woken.append("drained"))
    exec.delivered[owner.source] = 5
    session.stdin_drained()
    assert (session.stdin_consumed(owner), woken) == (5, ["drained"])


async def test_a_half_close_reaches_the_command(session: Session) -> None:
    exec = begun(session)
    assert (session.is_stdin_ended, exec.is_stdin_ended) == (False, False)
    session.end_stdin()
    assert (session.is_stdin_ended, exec.is_stdin_ended) == (True, True)


async def test_a_size_and_signals_are_asked_for_once(shell: Session) -> None:
    shell.attendance.attach(ALICE, size=TerminalSize(cols=70, rows=20))
    for _ in range(MAX_QUEUED_SIGNALS + 5):
        shell.control.signal(Signal.INT)
    async with asyncio.timeout(5):
        size, signals = await shell.control.wanted()
    assert size == shell.size == TerminalSize(cols=70, rows=20)
    assert signals == [Signal.INT] * MAX_QUEUED_SIGNALS
    shell.control.signal(Signal.TERM)
    async with asyncio.timeout(5):
        assert await shell.control.wanted() == (None, [Signal.TERM])


async def test_the_first_word_of_how_it_ended_counts(session: Session) -> None:
    owner, woken = session.attendance.attach(ALICE), list[str]()
    owner.listen(lambda: woken.append("over"))
    begun(session)
    assert (session.is_over, session.status) == (False, None)
    session.finish(status=ExitStatus(3))
    session.finish(failure=WhaleError("late", code="engine.failed"))
    assert (session.is_over, session.status, session.failure) == (True, ExitStatus(3), None)
    assert "over" in woken
    async with asyncio.timeout(5):
        await session.wait_started()


async def test_the_first_reason_for_its_end_counts_and_output_stops(session: Session) -> None:
    begun(session)
    session.end(reason="session.killed")
    session.end(reason="server.stopping", at_once=True)
    assert session.lost == ExitStatus(code=None, reason="session.killed")
    assert (session.end_policy.hup, session.end_policy.term) == (0, 0)
    write(session, Stream.STDOUT, b"too late")
    assert session.bytes_out == 0
    async with asyncio.timeout(5):
        await session.wait_end()


async def test_what_is_left_to_the_next_server_is_neither_read_nor_ended(session: Session) -> None:
    owner, woken = session.attendance.attach(ALICE), list[str]()
    owner.listen(lambda: woken.append("left"))
    exec = begun(session)
    session.abandon()
    session.end(reason="session.killed")
    write(session, Stream.STDOUT, b"the next server's")
    assert exec.is_paused
    assert "left" in woken
    assert (session.bytes_out, session.lost.reason, session.state) == (0, "session.gone", SessionState.RUNNING)


async def test_a_later_server_goes_on_where_the_exec_is(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container, name="build")
    session.attendance.attach(ALICE, key=KEY)
    begun(session)
    exec, later = Exec(), new_session(engine, container)
    exec.got[2] = b"1234567"
    later.restore(decode_record(encode_record(session)), exec)  # type: ignore[arg-type]
    assert [log.end for log in later.logs.values()] == [100 + stream for stream in later.logs]
    assert later.bytes_out == sum(100 + stream for stream in later.logs)
    assert (later.written(2), later.bytes_in, later.is_stdin_ended) == (7, 7, False)
    assert (later.started, later.owner, later.is_over) == (session.started, "alice", False)
    assert len(later.audience.members) == 1


async def test_a_later_server_knows_how_it_had_ended(shell: Session, engine: FakeEngine, container: Container) -> None:
    begun(shell)
    write(shell, Stream.STDOUT, b"bye")
    shell.finish(status=ExitStatus(4))
    later = new_session(engine, container, SHELL, window=MIN_LOG)
    later.restore(decode_record(encode_record(shell)), None)
    assert (later.is_over, later.status, later.bytes_out) == (True, ExitStatus(4), 3)
    assert later.is_stdin_ended
    assert later.sources == shell.sources
    later.close()


async def test_a_flood_is_drawn_as_it_comes_and_not_all_at_once(shell: Session) -> None:
    owner = shell.attendance.attach(ALICE)
    begun(shell)
    assert shell.picture is not None
    most, at = 0, 0
    for _ in range(200):
        write(shell, Stream.STDOUT, PIECE)
        owner.read(Stream.STDOUT, size=len(PIECE))
        owner.acknowledge(Stream.STDOUT, offset=owner.cursor(Stream.STDOUT))
        most, at = max(most, shell.picture.offset - at), shell.picture.offset
    assert at > 0, "something was drawn"
    assert most <= 2 * len(PIECE)
    assert shell.logs[Stream.STDOUT].start > 0
    assert shell.memory.read_snapshot().offset >= shell.logs[Stream.STDOUT].start
