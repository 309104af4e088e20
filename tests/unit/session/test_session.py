"""A session from its start to its end, on the fake engine."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALLOWED
from whale.engine.fake import FakeEngine, FakeProcess
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.errors import EngineError, ExecError, ProtocolError, TargetError, WhaleError
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.ids import new_session_id
from whale.model.limits import MAX_QUEUED_SIGNALS, MIN_LOG, WINDOW_PIPE
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.session import Session, SessionState

QUICK = EndPolicy(hup=0.1, term=0.1, kill=1.0)


class Run:
    """Makes sessions and runs each in a task that is over at the end of the test."""

    def __init__(self, engine: FakeEngine, container: Container, tasks: asyncio.TaskGroup) -> None:
        self.engine = engine
        self.container = container
        self._tasks = tasks
        self.made: list[Session] = []

    def start(
        self, spec: ExecSpec, *, keep: float = 0.0, window: int = WINDOW_PIPE
    ) -> tuple[Session, asyncio.Task[None]]:
        session = Session(
            id=new_session_id(),
            engine=self.engine,
            container=self.container,
            spec=spec,
            decision=ALLOWED,
            end=QUICK,
            keep=keep,
            window=window,
        )
        self.made.append(session)
        return session, self._tasks.create_task(session.run())


@pytest.fixture
async def run(engine: FakeEngine, container: Container) -> AsyncIterator[Run]:
    async with asyncio.TaskGroup() as tasks:
        made = Run(engine, container, tasks)
        yield made
        for session in made.made:
            session.end()


async def running(session: Session) -> None:
    session.attach()
    await session.wait_started()


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
    assert session._end_policy == EndPolicy(hup=0, term=0, kill=1.0)
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
    await running(session)
    log = session.logs[Stream.STDOUT]
    async with asyncio.timeout(10):
        while not log.is_full:
            await asyncio.sleep(0)
    end = log.end
    for _ in range(100):
        await asyncio.sleep(0)
    assert log.end == end
    session.acknowledge(Stream.STDOUT, offset=end - WINDOW_PIPE // 2)
    async with asyncio.timeout(10):
        while log.end == end:
            await asyncio.sleep(0)


async def test_input_reaches_the_command_and_is_counted(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("cat",), stdin=True))
    await running(session)
    session.write_stdin(b"hello")
    session.end_stdin()
    await task
    assert session.bytes_in == 5
    assert session.stdin_consumed == 5
    assert session.logs[Stream.STDOUT].read(offset=0, size=10) == b"hello"


async def test_input_the_command_does_not_read_is_not_consumed(run: Run) -> None:
    session, _ = run.start(ExecSpec(command=("sleep", "100"), stdin=True))
    await running(session)
    session.write_stdin(b"x" * 1_000_000)
    assert 0 < session.stdin_consumed < 1_000_000


async def test_only_the_last_of_many_sizes_matters(run: Run) -> None:
    session, _ = run.start(ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=80, rows=24)))
    await running(session)
    exec = session._exec
    assert isinstance(exec, FakeProcess)
    for cols in range(81, 90):
        session.resize(TerminalSize(cols=cols, rows=24))
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
        session.signal(Signal.USR1)
    exec = session._exec
    assert isinstance(exec, FakeProcess)
    async with asyncio.timeout(10):
        while len(exec.signals) < MAX_QUEUED_SIGNALS:
            await asyncio.sleep(0)
    session.signal(Signal.TERM)
    await task
    assert len(exec.signals) == MAX_QUEUED_SIGNALS + 1
    assert session.status == (143, "")


async def test_what_comes_too_late_is_dropped(run: Run) -> None:
    session, task = run.start(ExecSpec(command=("true",)))
    await task
    session.write_stdin(b"late")
    session.end_stdin()
    session.notify(code="x", message="y")
    assert session.status == (0, "")


async def test_has_one_controller(run: Run) -> None:
    session, _ = run.start(ExecSpec(command=("true",)))
    session.attach()
    with pytest.raises(RuntimeError, match="controller"):
        session.attach()


async def test_a_crash_is_told_and_stays(engine: FakeEngine, container: Container) -> None:
    session = Session(
        id=new_session_id(),
        engine=engine,
        container=container,
        spec=ExecSpec(command=("true",)),
        decision=ALLOWED,
        end=QUICK,
    )
    session.crash()
    first = session.failure
    session.crash()
    assert first is not None
    assert first.code == "internal"
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
    session = Session(
        id=new_session_id(),
        engine=engine,
        container=container,
        spec=ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=80, rows=24)),
        decision=ALLOWED,
        end=QUICK,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(session.run())
        await running(session)
        session.resize(TerminalSize(cols=81, rows=24))
        session.write_stdin(b"exit\n")
    assert session.failure is error
    await engine.aclose()


# -- connections that break ----------------------------------------------------------------------------------------

CAT = ExecSpec(command=("cat",), stdin=True)


def offsets(stdout: int, stderr: int = 0) -> dict[Stream, int]:
    return {Stream.STDOUT: stdout, Stream.STDERR: stderr}


async def kept(run: Run, spec: ExecSpec, *, keep: float = 60.0) -> tuple[Session, Attachment, asyncio.Task[None]]:
    session, task = run.start(spec, keep=keep, window=MIN_LOG)
    attachment = session.attach()
    await session.wait_started()
    return session, attachment, task


async def test_a_session_that_is_not_kept_ends_with_its_connection(run: Run) -> None:
    session, task = run.start(CAT)
    attachment = session.attach()
    await session.wait_started()
    attachment.lose()
    async with asyncio.timeout(5):
        await task
    assert session.status == (None, "session.gone")
    assert run.engine.running == 0


async def test_a_kept_one_goes_on_at_the_same_byte(run: Run) -> None:
    session, former, _ = await kept(run, CAT)
    session.write_stdin(b"0123456789")
    await eventually(lambda: session.bytes_out == 10, "the echo")
    former.read(Stream.STDOUT, size=7)
    former.lose()
    assert [session.is_attached] == [False]
    session.write_stdin(b"abc")
    await eventually(lambda: session.bytes_out == 13, "more, while nobody is there")
    attachment = session.resume(received=offsets(4), consumed=offsets(2))
    assert session.is_attached
    assert attachment.read(Stream.STDOUT, size=100) == b"456789abc"
    assert session.logs[Stream.STDOUT].start == 2, "what is consumed is let go of"


async def test_who_comes_back_takes_the_session_from_the_former_connection(run: Run) -> None:
    session, former, _ = await kept(run, CAT)
    told: list[str] = []
    former.listen(lambda: told.append("changed"))
    attachment = session.resume(received=offsets(0), consumed=offsets(0))
    assert former.is_superseded
    assert told
    assert not attachment.is_superseded
    former.lose()
    former.close()
    assert session.is_attached, "the former one has no say any more"
    assert not session.is_over


async def test_room_for_output_comes_back_with_its_reader(run: Run) -> None:
    session, former, _ = await kept(run, ExecSpec(command=("yes",)))
    await eventually(lambda: session.logs[Stream.STDOUT].is_full, "a full log")
    former.lose()
    held = session.logs[Stream.STDOUT].end
    await asyncio.sleep(0.05)
    assert session.logs[Stream.STDOUT].end == held, "a pipe waits for its reader"
    session.resume(received=offsets(held), consumed=offsets(held))
    await eventually(lambda: session.logs[Stream.STDOUT].end > held, "more output")


async def test_a_terminal_goes_on_and_its_oldest_bytes_leave(run: Run) -> None:
    session, former, _ = await kept(run, ExecSpec(command=("yes",), tty=True))
    await eventually(lambda: session.logs[Stream.STDOUT].is_full, "a full log")
    former.lose()
    log = session.logs[Stream.STDOUT]
    held = log.end
    await eventually(lambda: log.end > held + 10 * log.window, "much more output")
    assert log.end - log.start <= log.window + 300_000
    attachment = session.resume(received=offsets(held), consumed=offsets(held))
    assert attachment.cursor(Stream.STDOUT) == log.start > held


async def test_nobody_who_comes_back_in_time_ends_it(run: Run) -> None:
    session, attachment, task = await kept(run, CAT, keep=0.05)
    attachment.lose()
    async with asyncio.timeout(5):
        await task
        await session.wait_released()
    assert session.status == (None, "session.expired")
    assert run.engine.running == 0


async def test_coming_back_stops_the_clock(run: Run) -> None:
    session, attachment, _ = await kept(run, CAT, keep=0.1)
    attachment.lose()
    session.resume(received=offsets(0), consumed=offsets(0))
    await asyncio.sleep(0.2)
    assert not session.is_over


async def test_bytes_that_were_never_sent_were_not_received(run: Run) -> None:
    session, attachment, _ = await kept(run, CAT)
    attachment.lose()
    with pytest.raises(ProtocolError) as caught:
        session.resume(received=offsets(1), consumed=offsets(0))
    assert caught.value.code == "protocol.flow"
    assert not session.is_attached


async def test_how_it_ended_waits_to_be_told(run: Run) -> None:
    session, attachment, task = await kept(run, ExecSpec(command=("echo", "hi")))
    attachment.lose()
    async with asyncio.timeout(5):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await session.wait_released()
    attachment = session.resume(received=offsets(0), consumed=offsets(0))
    assert attachment.read(Stream.STDOUT, size=10) == b"hi\n"
    attachment.close()
    async with asyncio.timeout(5):
        await session.wait_released()


async def test_a_stopping_server_waits_for_nobody(run: Run) -> None:
    session, attachment, task = await kept(run, CAT)
    attachment.lose()
    session.end(reason="server.stopping")
    async with asyncio.timeout(5):
        await task
        await session.wait_released()


async def test_leaving_for_good_is_not_losing(run: Run) -> None:
    session, attachment, task = await kept(run, CAT)
    attachment.close()
    async with asyncio.timeout(5):
        await task
        await session.wait_released()
    assert session.status == (None, "session.gone")
