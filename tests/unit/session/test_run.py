"""A session from its start to its end, on the fake engine."""

import asyncio

import pytest

from tests.unit.session.conftest import ALICE, Run, new_session
from whale.engine.fake import FakeEngine, FakeProcess
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.errors import EngineError, ExecError, TargetError, WhaleError
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.limits import MAX_QUEUED_SIGNALS, WINDOW_PIPE
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.run import run_session
from whale.session.session import Session, SessionState


async def running(session: Session) -> Attachment:
    attachment = session.attendance.attach(ALICE)
    await session.wait_started()
    return attachment


async def test_ends_with_the_status_of_its_command(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("sh", "-c", "exit 3")))
    await task
    assert session.state is SessionState.ENDED
    assert session.status == (3, "")
    assert session.failure is None


async def test_numbers_the_output_of_each_stream(run: Run) -> None:
    async def both(process: FakeProcess) -> int:
        await process.write(b"out")
        await process.write(b"error", Stream.STDERR)
        return 0

    run.engine.add_program("both", both)
    session, task = run.start(ExecSpec(command=("both",)))
    await task
    assert session.logs[Stream.STDOUT].read(offset=0, size=9) == b"out"
    assert session.logs[Stream.STDERR].read(offset=0, size=9) == b"error"
    assert session.bytes_out == 8


async def test_a_start_that_fails_is_its_failure(run: Run) -> None:
    run.engine.fail_next_start(EngineError("refused"))
    session, task = run.start(ExecSpec(command=("true",)))
    await task
    assert session.is_over
    assert isinstance(session.failure, EngineError)
    assert session.status is None


async def test_a_command_that_is_not_there_is_its_failure(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("nope",)))
    await task
    assert isinstance(session.failure, ExecError)
    assert session.status is None


async def test_an_end_before_the_command_ended_is_lost_and_leaves_nothing(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("sleep", "100")))
    await running(session)
    assert run.engine.running == 1
    session.end(reason="server.stopping")
    session.end(reason="session.gone")
    await task
    assert session.status == (None, "server.stopping")
    assert run.engine.running == 0


async def test_an_end_during_the_start_leaves_nothing(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("sleep", "100")))
    session.end()
    await task
    assert session.status == (None, "session.gone")
    assert run.engine.running == 0


async def test_a_cancelled_session_leaves_nothing(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("sleep", "100")))
    await running(session)
    task.cancel()
    await asyncio.wait([task])
    assert session.is_over
    assert run.engine.running == 0


async def test_at_once_skips_the_polite_signals(run: Run) -> None:
    async def stubborn(process: FakeProcess) -> int:
        process.trap(Signal.HUP, Signal.TERM)
        await process.read()
        return 0

    run.engine.add_program("stubborn", stubborn)
    session, task = run.start(ExecSpec(command=("stubborn",), stdin=True))
    await running(session)
    session.end(at_once=True)
    assert session.end_policy == EndPolicy(hup=0, term=0, kill=1.0)
    await task
    assert run.engine.running == 0


async def test_a_lost_stream_is_lost_and_its_process_is_ended(run: Run) -> None:
    run.engine.cut_next_stream(after=5)
    session, task = run.start(ExecSpec(command=("random", "100", "1")))
    await task
    assert session.status is not None
    assert session.status.is_lost
    assert run.engine.running == 0


async def test_a_removed_container_is_said(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("sleep", "100")))
    await running(session)
    run.engine.remove_container("web")
    await task
    assert session.status == (None, "target.gone")


async def test_a_full_log_pauses_the_command_until_it_is_acknowledged(run: Run) -> None:
    session, _ = run.start(ExecSpec(command=("yes",)))
    attachment = await running(session)
    log = session.logs[Stream.STDOUT]
    async with asyncio.timeout(10):
        while not log.is_full:
            await asyncio.sleep(0)
    end = log.end
    for _ in range(100):
        await asyncio.sleep(0)
    assert log.end == end
    while attachment.read(Stream.STDOUT, size=WINDOW_PIPE):
        pass
    attachment.acknowledge(Stream.STDOUT, offset=end - WINDOW_PIPE // 2)
    async with asyncio.timeout(10):
        while log.end == end:
            await asyncio.sleep(0)


async def test_input_reaches_the_command_and_is_counted(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("cat",), stdin=True))
    attachment = await running(session)
    attachment.write_stdin(b"hello")
    session.end_stdin()
    await task
    assert session.bytes_in == 5
    assert attachment.stdin_received == attachment.stdin_consumed == 5
    assert session.logs[Stream.STDOUT].read(offset=0, size=10) == b"hello"


async def test_input_the_command_does_not_read_is_not_consumed(run: Run) -> None:
    session, _ = run.start(ExecSpec(command=("sleep", "100"), stdin=True))
    attachment = await running(session)
    attachment.write_stdin(b"x" * 1_000_000)
    assert 0 < attachment.stdin_consumed < 1_000_000


async def test_only_the_last_of_many_sizes_matters(run: Run) -> None:
    session, _ = run.start(ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=80, rows=24)))
    attachment = await running(session)
    exec = session.exec
    assert isinstance(exec, FakeProcess)
    for cols in range(81, 90):
        attachment.resize(TerminalSize(cols=cols, rows=24))
    async with asyncio.timeout(10):
        while exec.size != (89, 24):
            await asyncio.sleep(0)


async def test_a_flood_of_signals_is_cut_off(run: Run) -> None:
    async def stubborn(process: FakeProcess) -> int:
        process.trap(Signal.USR1)
        await process.read()
        return 0

    run.engine.add_program("stubborn", stubborn)
    session, task = run.start(ExecSpec(command=("stubborn",), stdin=True))
    await running(session)
    for _ in range(1000):
        session.control.signal(Signal.USR1)
    exec = session.exec
    assert isinstance(exec, FakeProcess)
    async with asyncio.timeout(10):
        while len(exec.signals) < MAX_QUEUED_SIGNALS:
            await asyncio.sleep(0)
    session.control.signal(Signal.TERM)
    await task
    assert len(exec.signals) == MAX_QUEUED_SIGNALS + 1
    assert session.status == (143, "")


async def test_what_comes_too_late_is_dropped(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("true",)))
    await task
    late = session.attendance.attach(ALICE)
    late.write_stdin(b"late")
    session.end_stdin()
    session.notify(code="x", message="y")
    assert session.status == (0, "")


async def test_a_crash_is_told_and_stays(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container, ExecSpec(command=("true",)))
    first = WhaleError("a fault")
    session.finish(failure=first)
    session.finish(failure=WhaleError("another"))
    assert session.failure is first


class Broken(FakeEngine):
    """An engine whose execs can't be ended or asked."""

    error: WhaleError = EngineError("no")

    async def start_exec(self, *args: object, **kwargs: object) -> FakeProcess:
        made = await super().start_exec(*args, **kwargs)  # type: ignore[arg-type]
        error = self.error

        class BrokenExec:
            def __getattr__(self, name: str) -> object:
                if name in ("end", "wait", "resize"):

                    async def fail(*_: object) -> None:
                        raise error

                    return fail
                return getattr(made, name)

        return BrokenExec()  # type: ignore[return-value]


@pytest.mark.parametrize("error", [EngineError("no"), TargetError("gone", code="target.gone")])
async def test_an_engine_that_fails_at_the_end_is_the_failure(error: WhaleError) -> None:
    engine = Broken.from_url("fake://web", name="local")
    assert isinstance(engine, Broken)
    engine.error = error
    container = await engine.container("web")
    session = new_session(engine, container, ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=80, rows=24)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_session(session))
        attachment = await running(session)
        attachment.resize(TerminalSize(cols=81, rows=24))
        attachment.write_stdin(b"exit\n")
    assert session.failure is error
    await engine.aclose()
