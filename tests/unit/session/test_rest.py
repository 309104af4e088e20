"""What idle sessions give back, and what they keep."""

import asyncio
import os

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALICE, BOB, KEY, new_session, offsets, write
from tests.unit.session.test_session import Emulator
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import KIB, MIN_LOG
from whale.model.role import Role
from whale.session.memory import SessionMemory
from whale.session.rest import rest, rest_idle
from whale.session.session import Session

SHELL = ExecSpec(tty=True, stdin=True)
WRITTEN = 8 * MIN_LOG


@pytest.fixture
def shell(engine: FakeEngine, container: Container, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr("whale.session.picture.open_screen", Emulator)
    return new_session(engine, container, SHELL, window=2 * MIN_LOG, keep=60, shared=True)


def resident(session: Session) -> int:
    """KiB of its memory."""
    return os.fstat(session.memory.descriptor).st_blocks // 2


def fill(session: Session) -> None:
    for _ in range(WRITTEN // KIB):
        write(session, Stream.STDOUT, bytes(KIB))


async def test_a_terminal_that_was_left_keeps_its_picture(shell: Session) -> None:
    attachment = shell.attendance.attach(ALICE)
    attachment.detach()
    fill(shell)
    before = resident(shell)
    await rest(shell)
    log = shell.logs[Stream.STDOUT]
    assert (log.start, log.end) == (WRITTEN - MIN_LOG, WRITTEN)
    assert before - resident(shell) >= WRITTEN // KIB - MIN_LOG // KIB - 8
    assert shell.picture is not None
    assert not shell.picture.is_emulated
    assert shell.repaint() == b"%d seen" % len(b"%d seen" % WRITTEN), "drawn from what was saved"


async def test_little_is_folded_as_well_when_nobody_is_there(shell: Session) -> None:
    write(shell, Stream.STDOUT, bytes(MIN_LOG + KIB))
    await rest(shell)
    assert shell.logs[Stream.STDOUT].start == KIB


async def test_a_terminal_keeps_a_window_for_who_may_come_back(shell: Session) -> None:
    attachment = shell.attendance.attach(ALICE, key=KEY)
    fill(shell)
    attachment.lose()
    await rest(shell)
    log = shell.logs[Stream.STDOUT]
    assert (log.start, log.end) == (WRITTEN - log.window, WRITTEN)
    back = shell.attendance.resume(attachment, received=offsets(log.start), consumed=offsets(0))
    assert not back.is_behind


async def test_nothing_is_given_back_that_somebody_still_takes(shell: Session) -> None:
    shell.attendance.attach(ALICE)
    write(shell, Stream.STDOUT, bytes(2 * MIN_LOG + 1))
    await rest(shell)
    assert shell.logs[Stream.STDOUT].start == 0


async def test_a_viewer_that_takes_nothing_finds_a_gap(shell: Session) -> None:
    viewer = shell.attendance.attach(BOB, role=Role.VIEWER)
    fill(shell)
    await rest(shell)
    assert viewer.is_behind
    assert viewer.take_gap().stdout == WRITTEN


async def test_what_wrote_little_is_left_alone(shell: Session) -> None:
    shell.attendance.attach(ALICE)
    write(shell, Stream.STDOUT, b"hello")
    await rest(shell)
    assert shell.logs[Stream.STDOUT].start == 0
    assert shell.picture is not None
    assert not shell.picture.is_emulated


async def test_nothing_is_folded_while_there_is_no_emulator(shell: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.attendance.attach(ALICE).detach()
    shell.output_received(Stream.STDOUT, bytes(MIN_LOG + KIB))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("whale.session.picture.open_screen", lambda *_args, **_more: None)
        await rest(shell)
    assert shell.logs[Stream.STDOUT].start == 0
    assert shell.memory.read_snapshot().offset == 0
    assert shell.rested == 0.0, "it is looked at again"
    await rest(shell)
    assert shell.repaint() == b"%d seen" % len(b"%d seen" % (MIN_LOG + KIB))


async def test_a_pipe_gives_back_what_was_taken(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container, window=4 * MIN_LOG, shared=True)
    attachment = session.attendance.attach(ALICE)
    write(session, Stream.STDOUT, bytes(3 * MIN_LOG))
    attachment.read(Stream.STDOUT, size=2 * MIN_LOG)
    attachment.acknowledge(Stream.STDOUT, offset=2 * MIN_LOG)
    before = resident(session)
    await rest(session)
    assert before - resident(session) == 2 * MIN_LOG // KIB
    assert attachment.read(Stream.STDOUT, size=2 * MIN_LOG) == bytes(MIN_LOG)


async def test_one_that_goes_to_the_next_server_is_not_touched(shell: Session) -> None:
    fill(shell)
    before = resident(shell)
    shell.abandon()
    await rest(shell)
    assert resident(shell) == before


async def test_one_that_goes_while_it_is_drawn_is_not_touched(shell: Session) -> None:
    fill(shell)
    start = shell.logs[Stream.STDOUT].start
    assert shell.picture is not None
    shell.picture.offset -= 1  # there is something to draw
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rest(shell))
        await asyncio.sleep(0)
        shell.close()
    assert shell.logs[Stream.STDOUT].start == start


async def test_only_idle_sessions_rest_and_only_once(shell: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[int]()
    monkeypatch.setattr(SessionMemory, "give_back", lambda _self, number, **_: given.append(number))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(rest_idle(lambda: [shell], after=0.05))
        await eventually(lambda: given == [0, 1], "given back")
        await asyncio.sleep(0.2)  # several more looks
        assert given == [0, 1], "nothing has happened since"
        write(shell, Stream.STDOUT, b"x")
        await eventually(lambda: given == [0, 1, 0, 1], "given back again")
        task.cancel()
