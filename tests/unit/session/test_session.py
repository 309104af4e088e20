"""Output, input and pictures of a session that no task runs: what an engine says is what the test says."""

import pytest

from tests.unit.session.conftest import ALICE, BOB, KEY, new_session, offsets, write
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import MAX_PIECE, MIN_LOG
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.session import Session

SHELL = ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=100, rows=40))
PIECE = b"x" * (MIN_LOG // 4)


class Emulator:
    """Answers every question mark, and shows how much it has seen."""

    def __init__(self, size: TerminalSize) -> None:
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

    def __init__(self) -> None:
        self.got: dict[int, bytes] = {}
        self.is_paused = False

    def write_stdin(self, data: bytes, *, source: int = 0) -> None:
        self.got[source] = self.got.get(source, b"") + data

    def stdin_delivered(self, source: int) -> int:
        return len(self.got.get(source, b""))

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


async def test_a_command_that_does_not_read_gets_no_more_answers(shell: Session) -> None:
    shell.attendance.attach(ALICE).detach()
    exec = begun(shell)
    exec.stdin_pending = 10
    write(shell, Stream.STDOUT, b"?")
    assert exec.got == {}


async def test_everybody_is_told(session: Session) -> None:
    first, second = session.attendance.attach(ALICE), session.attendance.attach(BOB, role=Role.VIEWER)
    session.notify(code="x", message="y")
    assert first.notices == second.notices == [("x", "y")]
