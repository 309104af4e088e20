import pytest

from tests.engines import SIZE, Recorder, eventually, failure, run, start
from whale.engine.fake import FakeEngine, FakeProcess
from whale.model.container import Container, ContainerState
from whale.model.errors import EngineError, EngineUnavailable, ExecError, TargetError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.ids import ContainerId, new_session_id


async def box(engine: FakeEngine, name: str = "box") -> Container:
    engine.add_container(name)
    return await engine.container(name)


async def test_url() -> None:
    assert [c.name for c in await FakeEngine.from_url("fake://", name="x").containers()] == ["db", "web"]
    assert [c.name for c in await FakeEngine.from_url("fake://a", name="x").containers()] == ["a"]


async def test_own_programs() -> None:
    async def greet(process: FakeProcess) -> int:
        await process.write(b"hello " + process.argv[1].encode())
        return 4

    engine = FakeEngine()
    engine.add_program("greet", greet)
    done = await run(engine, await box(engine), "greet", "you")
    assert (done.status, done.out) == (ExitStatus(4), b"hello you")


async def test_scripted_start_failure_happens_once() -> None:
    engine = FakeEngine()
    engine.fail_next_start(EngineError("no", code="engine.failed"))
    target = await box(engine)
    with pytest.raises(EngineError):
        await run(engine, target, "true")
    assert (await run(engine, target, "true")).status == ExitStatus(0)


async def test_scripted_cut() -> None:
    engine = FakeEngine()
    target = await box(engine)
    engine.cut_next_stream(after=1000)
    done = await run(engine, target, "yes")
    assert (done.status, len(done.out)) == (ExitStatus(None, "engine.unavailable"), 1000)
    await eventually(lambda: engine.running == 0, "ended")


async def test_down_and_back() -> None:
    engine = FakeEngine()
    target = await box(engine)
    running, output = await start(engine, target, "sleep", "100")
    assert engine.running == 1
    engine.go_down()
    assert output.ended.is_set()
    assert await running.wait() == ExitStatus(None, "engine.unavailable")
    with pytest.raises(EngineUnavailable):
        await engine.info()
    engine.come_back()
    assert (await engine.info()).kind == "fake"


async def test_removed_and_stopped_containers() -> None:
    engine = FakeEngine()
    for action, status in (
        (engine.stop_container, ExitStatus(137)),
        (engine.remove_container, ExitStatus(None, "target.gone")),
    ):
        target = await box(engine, f"box{status.code}")
        running, output = await start(engine, target, "sleep", "100")
        action(target.name)
        await output.until_ended()
        assert await running.wait() == status


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (ContainerState.PAUSED, "target.paused"),
        (ContainerState.RESTARTING, "target.restarting"),
        (ContainerState.EXITED, "target.not_running"),
        (ContainerState.CREATED, "target.not_running"),
    ],
)
async def test_states_that_run_nothing(state: ContainerState, code: str) -> None:
    engine = FakeEngine()
    engine.add_container("box", state=state)
    target = await engine.container("box")
    assert await failure(engine, target, ExecSpec(command=("true",)), TargetError) == code
    assert await engine.containers() == []
    assert len(await engine.containers(all=True)) == 1


async def test_no_shell() -> None:
    engine = FakeEngine()
    engine.add_container("box").has_shell = False
    target = await engine.container("box")
    assert await failure(engine, target, ExecSpec(tty=True, size=SIZE), TargetError) == "target.no_shell"
    assert await failure(engine, target, ExecSpec(command=("sh", "-c", "true")), ExecError) == "exec.not_found"


async def test_a_start_fails_at_once_with_a_terminal_and_afterwards_without() -> None:
    engine = FakeEngine()
    target = await box(engine)
    with pytest.raises(ExecError):
        await start(engine, target, "nope", tty=True)
    running, output = await start(engine, target, "nope")
    await output.until_ended()
    with pytest.raises(ExecError):
        await running.wait()


async def test_ambiguous_prefix() -> None:
    engine = FakeEngine()
    for number in range(40):
        engine.add_container(f"c{number}")
    ids = [c.id for c in await engine.containers()]
    shared = next(i[:1] for i in ids if sum(j.startswith(i[:1]) for j in ids) > 1)
    with pytest.raises(TargetError) as caught:
        await engine.container(shared)
    assert caught.value.code == "target.ambiguous"
    with pytest.raises(TargetError):
        await engine.container("")


async def test_shells() -> None:
    engine = FakeEngine()
    target = await box(engine)
    running, output = await start(engine, target, "bash", tty=True)
    running.write_stdin(b"echo hi\nexit 2\n")
    await output.until_ended()
    assert b"hi\r\n" in output.out
    assert await running.wait() == ExitStatus(2)


async def test_logs() -> None:
    engine = FakeEngine()
    engine.add_container("box").write_log(b"line\n")
    target = await engine.container("box")
    assert [p async for p in engine.logs(target.id, follow=False, tail=None)] == [(Stream.STDOUT, b"line\n")]
    with pytest.raises(TargetError):
        await anext(engine.logs(ContainerId("nope"), follow=False, tail=None))


async def test_closing_kills_what_runs() -> None:
    engine = FakeEngine()
    running, output = await start(engine, await box(engine), "sleep", "100")
    await engine.aclose()
    assert output.ended.is_set()
    assert await running.wait() == ExitStatus(137)
    assert engine.running == 0


async def test_two_thousand_idle_execs_cost_little() -> None:
    import tracemalloc

    engine = FakeEngine()
    target = await box(engine)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    outputs = []
    for _ in range(2000):
        output = Recorder()
        spec = ExecSpec(tty=True, stdin=True, size=SIZE)
        outputs.append(await engine.start_exec(target.id, spec, session=new_session_id(), output=output))
    each = (tracemalloc.get_traced_memory()[0] - before) / 2000
    tracemalloc.stop()
    assert each < 12_000
    await engine.aclose()
