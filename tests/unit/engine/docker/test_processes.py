"""Both ways to a process tree, on a real engine."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.engines import Recorder, TestEngine, eventually, start
from whale.engine.docker import processes as room
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.client import EngineClient
from whale.engine.docker.dial import parse_address
from whale.engine.docker.host import Process
from whale.engine.docker.processes import Processes, ProcessTable, Tree
from whale.engine.docker.status import poll_exec
from whale.engine.seam import EndPolicy, Exec
from whale.model.container import Container
from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.ids import new_session_id

FAST = EndPolicy(hup=0.2, term=0.2, kill=5.0)
HIDING = "env -i sleep 100 & setsid sleep 101 & setsid env -i sleep 102 & (trap '' HUP TERM; sleep 103; sleep 104) & "


@pytest.fixture(params=["here", "there"])
def finder(request: pytest.FixtureRequest, docker: TestEngine, client: EngineClient) -> Iterator[Processes]:
    """By this machine's process table, and by a helper in the container as if the engine were elsewhere."""
    dial = parse_address(docker.url).dial
    made = Processes(client, dial, memoryview(bytearray(65536)), may_use_host=request.param == "here")
    yield made
    made.close()


async def begin(engine: DockerEngine, box: Container, script: str) -> tuple[Exec, Recorder, Tree]:
    session = new_session_id()
    running, output = await start(engine, box, "sh", "-c", script, session=session)
    await output.until_out(b"ready\n")
    return running, output, Tree(running.id, box.id, session, ExecSpec())


async def test_a_tree_that_hides_and_resists_is_ended(
    finder: Processes, engine: DockerEngine, box: Container, docker: TestEngine
) -> None:
    running, output, tree = await begin(engine, box, f"{HIDING} trap '' HUP TERM; echo ready; sleep 105; sleep 106")
    await eventually(lambda: len(docker.processes(box.id)) >= 6, "running")
    assert await finder.end(tree, FAST)
    assert docker.processes(box.id) == []
    await output.until_ended()
    assert await running.wait() == ExitStatus(137)
    assert await finder.end(tree, FAST)
    await running.aclose()


async def test_what_hears_hup_ends_by_hup(finder: Processes, engine: DockerEngine, box: Container) -> None:
    running, output, tree = await begin(engine, box, "echo ready; sleep 100")
    assert await finder.end(tree, EndPolicy(hup=5.0, term=0, kill=0))
    await output.until_ended()
    assert await running.wait() == ExitStatus(129)
    await running.aclose()


async def test_stopped_processes_hear_it_too(
    finder: Processes, engine: DockerEngine, box: Container, docker: TestEngine
) -> None:
    running, _, tree = await begin(engine, box, "echo ready; kill -STOP $$; sleep 100")
    assert await finder.end(tree, EndPolicy(hup=5.0, term=0, kill=0))
    assert docker.processes(box.id) == []
    await running.aclose()


async def test_what_a_session_left_behind_is_ended_after_its_exec(
    finder: Processes, engine: DockerEngine, box: Container, docker: TestEngine
) -> None:
    running, output, tree = await begin(engine, box, "setsid sleep 100 >/dev/null 2>&1 & echo ready")
    await output.until_ended()
    assert await running.wait() == ExitStatus(0)
    await eventually(lambda: docker.processes(box.id) == ["sleep 100"], "left behind")
    assert await finder.end(tree, FAST)
    assert docker.processes(box.id) == []
    await running.aclose()


async def test_other_sessions_live_on(finder: Processes, engine: DockerEngine, box: Container) -> None:
    one, _, tree = await begin(engine, box, "echo ready; sleep 100")
    two, output, other = await begin(engine, box, "echo ready; sleep 100")
    assert await finder.end(tree, FAST)
    await asyncio.sleep(0.1)
    assert not output.ended.is_set()
    assert await finder.end(other, FAST)
    for running in (one, two):
        await running.aclose()


async def test_a_signal_goes_to_the_command_and_its_group(
    finder: Processes, engine: DockerEngine, box: Container
) -> None:
    running, output, tree = await begin(
        engine,
        box,
        "trap 'echo shell heard' USR1; sh -c \"trap 'echo child heard; exit' USR1; echo ready; while :; do sleep 0.05; done\"; sleep 100",  # noqa: E501
    )
    await finder.signal(tree, Signal.USR1)
    await output.until(lambda: b"shell heard" in output.out and b"child heard" in output.out, "heard by both")
    assert await finder.end(tree, FAST)
    await finder.signal(tree, Signal.USR1)
    await running.aclose()


async def test_a_command_without_environment_is_ended_here(
    docker: TestEngine, engine: DockerEngine, box: Container
) -> None:
    running, output = await start(engine, box, "env", "-i", "sleep", "100")
    await eventually(lambda: docker.processes(box.id) == ["sleep 100"], "running")
    assert await running.end(FAST)
    assert docker.processes(box.id) == []
    await output.until_ended()
    await running.aclose()


async def test_a_container_without_a_shell(docker: TestEngine, engine: DockerEngine, bare: Container) -> None:
    session = new_session_id()
    output = Recorder()
    spec = ExecSpec(command=("/bin/sleep", "100"))
    running = await engine.start_exec(bare.id, spec, session=session, output=output)
    tree = Tree(running.id, bare.id, session, spec)
    client = EngineClient(parse_address(docker.url), "x")
    far = Processes(client, parse_address(docker.url).dial, memoryview(bytearray(1000)), may_use_host=False)
    assert not await far.end(tree, FAST)
    assert await running.end(FAST)
    await running.aclose()
    await client.aclose()
    far.close()


async def test_a_container_that_is_gone_has_nothing_left(docker: TestEngine, engine: DockerEngine) -> None:
    with docker.container() as made:
        box = await engine.container(made)
        running, _, tree = await begin(engine, box, "echo ready; sleep 100")
        docker.api.call("POST", f"/containers/{made}/stop?t=0")
        client = EngineClient(parse_address(docker.url), "x")
        far = Processes(client, parse_address(docker.url).dial, memoryview(bytearray(1000)), may_use_host=False)
        assert await far.end(tree, FAST)
        docker.remove(made)
        assert await far.end(tree, FAST)
        assert await running.end(FAST)
        await client.aclose()
        far.close()
        await running.aclose()


async def test_an_engine_that_is_gone_can_t_be_asked_but_this_machine_can(
    engine: DockerEngine, box: Container, docker: TestEngine
) -> None:
    running, _, tree = await begin(engine, box, "echo ready; sleep 100")
    gone = EngineClient(parse_address("unix:///nowhere.sock"), "x")
    blind = Processes(gone, parse_address("unix:///nowhere.sock").dial, memoryview(bytearray(100)))
    assert not await blind.end(tree, FAST)
    assert docker.processes(box.id) != []
    assert await running.end(FAST)
    blind.close()
    await gone.aclose()
    await running.aclose()


async def test_is_alive(finder: Processes, engine: DockerEngine, box: Container, client: EngineClient) -> None:
    running, _, tree = await begin(engine, box, "echo ready; sleep 100")
    state = await poll_exec(client, running.id, lambda s: s.pid != 0, timeout=10)
    assert state is not None
    # This shell becomes its last command, and has no environment in between: false says nothing.
    await eventually(lambda: finder.is_alive(tree, state.pid), "alive")
    assert not finder.is_alive(tree._replace(mark=new_session_id()), state.pid)
    assert not finder.is_alive(tree, 0)
    assert await finder.end(tree, FAST)
    assert not finder.is_alive(tree, state.pid)
    await running.aclose()


async def test_readings_are_shared_but_never_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    begun, gate = threading.Event(), threading.Event()

    def read() -> list[Process]:
        nonlocal count
        count += 1
        number = count
        begun.set()
        gate.wait(5)
        return [Process(number, 0, 0, 0, "")]

    monkeypatch.setattr(room, "read_processes", read)
    table = ProcessTable()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(table.read())
        await asyncio.to_thread(begun.wait, 5)
        later = [group.create_task(table.read()) for _ in range(5)]
        await asyncio.sleep(0.05)
        gate.set()
    assert first.result()[0].pid == 1
    assert {task.result()[0].pid for task in later} == {2}
    for expected in range(3, 60):
        assert (await table.read())[0].pid == expected
    table.close()
