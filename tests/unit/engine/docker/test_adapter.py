"""The adapter as a whole, on a real engine: what the conformance suite does not ask of every adapter."""

import asyncio
import mmap
import os
from pathlib import Path

import pytest

from tests.engines import SIZE, CutProxy, Recorder, TestEngine, eventually, failure, run, start
from tests.unit.engine.docker.stand_in import stand_in
from whale.engine.docker import adapter as room
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.dial import parse_address
from whale.engine.docker.exec import DockerExec
from whale.engine.seam import NOTES_SIZE, EndPolicy
from whale.model.container import Container, ContainerState
from whale.model.errors import EngineError, EngineUnavailable, ExecError, TargetError
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.ids import ContainerId, SessionId, new_session_id
from whale.model.terminal import TerminalSize

END = EndPolicy(hup=0.5, term=0.5, kill=5.0)


async def login(engine: DockerEngine, box: Container, typed: bytes, *, user: str = "") -> tuple[bytes, ExitStatus]:
    output = Recorder()
    spec = ExecSpec(tty=True, stdin=True, size=SIZE, user=user)
    running = await engine.start_exec(box.id, spec, session=new_session_id(), output=output)
    running.write_stdin(typed)
    await output.until_ended()
    status = await running.wait()
    await running.aclose()
    return bytes(output.out), status


async def test_the_best_shell_of_a_full_container(engine: DockerEngine, dev: Container) -> None:
    out, status = await login(engine, dev, b"stty size; shopt login_shell; echo at $0\nexit 3\n")
    assert b"33 111\r\n" in out
    assert b"login_shell    \ton\r\n" in out
    assert b"bash\r\n" in out.partition(b"at ")[2]
    assert status == ExitStatus(3)


async def test_the_shell_of_a_small_one(engine: DockerEngine, box: Container) -> None:
    out, status = await login(engine, box, b"stty size; echo at $0\nexit 4\n")
    assert b"33 111\r\n" in out
    assert b"at /bin/sh\r\n" in out
    assert status == ExitStatus(4)


async def test_a_user_whose_shell_lets_nobody_in_gets_one_all_the_same(engine: DockerEngine, box: Container) -> None:
    out, status = await login(engine, box, b"id -u\nexit 0\n", user="nobody")
    assert b"65534\r\n" in out
    assert status == ExitStatus(0)


async def test_a_container_without_a_shell(engine: DockerEngine, bare: Container) -> None:
    assert await failure(engine, bare, ExecSpec(tty=True, stdin=True, size=SIZE), TargetError) == "target.no_shell"
    assert await failure(engine, bare, ExecSpec(command=("nope",), tty=True, size=SIZE), ExecError) == "exec.not_found"
    running, output = await start(engine, bare, "/bin/sleep", "100", tty=True)
    assert await running.end(END)
    await output.until_ended()
    await running.aclose()
    assert (await run(engine, bare, "/bin/sleep", "0")).status == ExitStatus(0)


async def test_states(engine: DockerEngine, docker: TestEngine) -> None:
    spec = ExecSpec(command=("true",))
    with docker.container() as made:
        box = await engine.container(made)
        docker.api.call("POST", f"/containers/{made}/pause")
        assert (await engine.container(made)).state is ContainerState.PAUSED
        assert await failure(engine, box, spec, TargetError) == "target.paused"
        docker.api.call("POST", f"/containers/{made}/unpause")
        docker.api.call("POST", f"/containers/{made}/stop?t=0")
        assert (await engine.container(made)).state is ContainerState.EXITED
        assert await failure(engine, box, spec, TargetError) == "target.not_running"
        docker.api.call("POST", f"/containers/{made}/start")
        assert (await run(engine, box, "echo", "back")).out == b"back\n"


async def test_a_container_that_restarts(engine: DockerEngine, docker: TestEngine) -> None:
    body = {
        "Image": "whale/busybox",
        "Cmd": ["/bin/false"],
        "Labels": {"whale.test": "1"},
        "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": "always"}},
    }
    made = docker.api.call("POST", "/containers/create", body)["Id"]
    try:
        docker.api.call("POST", f"/containers/{made}/start")
        await eventually(
            lambda: (
                docker.api.call("GET", f"/containers/{made}/json")["State"]["Status"] == "restarting"
                and docker.api.call("GET", f"/containers/{made}/json")["RestartCount"] > 2
            ),
            "restarting slowly",
        )
        box = await engine.container(made)
        assert await failure(engine, box, ExecSpec(command=("true",)), TargetError) == "target.restarting"
    finally:
        docker.remove(made)


async def test_podmans_refusals_are_read_from_the_containers_state(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as server:
        server.routes["/c1/exec"] = (500, {"message": "container state improper"})
        server.routes["/c1/json"] = (200, {"Id": "c1", "State": {"Status": "paused"}})
        engine = DockerEngine(parse_address(server.url), name="x")
        with pytest.raises(TargetError) as caught:
            await start(engine, await engine.container("c1"), "true")
        assert caught.value.code == "target.paused"
        server.routes["/c1/json"] = (200, {"Id": "c1", "State": {"Status": "running"}})
        with pytest.raises(EngineError) as refused:
            await start(engine, await engine.container("c1"), "true")
        assert refused.value.code == "engine.failed"
        await engine.aclose()


async def test_lists_and_names(engine: DockerEngine, box: Container) -> None:
    listed = {c.id: c for c in await engine.containers()}
    assert (listed[box.id].name, listed[box.id].engine) == (box.name, engine.name)
    assert listed[box.id].image.startswith("whale/busybox") or listed[box.id].image
    assert listed[box.id].labels["whale.test"] == "1"
    assert listed[box.id].created > 1_600_000_000
    names = [c.name for c in await engine.containers(all=True)]
    assert names == sorted(names)
    assert (await engine.info()).kind == "docker"


async def test_logs(engine: DockerEngine, docker: TestEngine) -> None:
    with docker.container(command=("/bin/sh", "-c", "echo said; sleep 1000000")) as made:
        async for stream, data in engine.logs(made, follow=True, tail=None):
            assert (stream, data) == (Stream.STDOUT, b"said\n")
            break


async def test_an_engine_cut_off_in_mid_stream_comes_back(docker: TestEngine, box: Container, tmp_path: Path) -> None:
    proxy = CutProxy(docker.url, tmp_path)
    await proxy.open()
    engine = DockerEngine(parse_address(proxy.url), name="x")
    running, output = await start(engine, box, "sh", "-c", "echo ready; sleep 100")
    await output.until_out(b"ready\n")
    await proxy.cut()
    await output.until_ended()
    assert await running.wait() == ExitStatus(None, "engine.unavailable")
    assert not await running.end(END) or docker.processes(box.id) == []
    with pytest.raises(EngineUnavailable):
        await engine.container(box.id)
    await proxy.open()
    assert (await run(engine, box, "echo", "back")).out == b"back\n"
    assert await running.end(END)
    assert docker.processes(box.id) == []
    await running.aclose()
    await engine.aclose()
    await engine.aclose()
    await proxy.cut()


async def test_a_start_that_is_given_up_leaves_nothing(engine: DockerEngine, docker: TestEngine) -> None:
    with docker.container() as made:
        box = await engine.container(made)
        for pause in (0.002, 0.004, 0.008, 0.016, 0.03):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(start(engine, box, "sleep", "100", tty=True), pause)
        await asyncio.sleep(0.5)
        await eventually(lambda: not engine._background, "cleaned up")
        assert [line for line in docker.processes(made) if line == "sleep 100"] == []


async def test_closing_ends_what_was_given_up(docker: TestEngine) -> None:
    with docker.container() as made:
        engine = DockerEngine(parse_address(docker.url), name="x")
        box = await engine.container(made)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(start(engine, box, "sleep", "100", tty=True), 0.02)
        await engine.aclose()
        assert [line for line in docker.processes(made) if line == "sleep 100"] == []


async def test_what_is_no_container(engine: DockerEngine) -> None:
    with pytest.raises(TargetError):
        await engine.start_exec(
            ContainerId("f" * 64), ExecSpec(command=("true",)), session=new_session_id(), output=Recorder()
        )


class Kept:
    """What a keeper has of an exec."""

    def __init__(self, running: DockerExec, memory: mmap.mmap) -> None:
        self.memory = memory
        self.description = running.describe()
        self.descriptors = [os.dup(descriptor) for descriptor in running.descriptors()]

    def adopt(self, engine: DockerEngine, session: SessionId, output: Recorder) -> DockerExec:
        kept = [os.dup(descriptor) for descriptor in self.descriptors]
        return engine.adopt_exec(self.description, kept, memoryview(self.memory), session=session, output=output)

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


async def begin(engine: DockerEngine, box: Container, session: SessionId, spec: ExecSpec) -> tuple[Kept, Recorder]:
    """Start an exec, and let go of it when it says that it is ready, as a killed server does."""
    memory, output = mmap.mmap(-1, NOTES_SIZE), Recorder()
    running = await engine.start_exec(box.id, spec, session=session, output=output, notes=memoryview(memory))
    await output.until_out(b"ready")
    kept = Kept(running, memory)
    await running.aclose()
    assert running.descriptors() == ()
    return kept, output


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
async def test_an_adopted_exec_does_all_that_it_did(docker: TestEngine, box: Container, tty: bool) -> None:
    one, two = (DockerEngine(parse_address(docker.url), name="x", server="me") for _ in range(2))
    session, output = new_session_id(), Recorder()
    script = "echo ready; read -r x; echo $x; stty size 2>/dev/null; read -r x; echo $x; exec sleep 99"
    spec = ExecSpec(command=("sh", "-c", script), tty=tty, stdin=True, size=SIZE if tty else None)
    kept, _ = await begin(one, box, session, spec)
    running = kept.adopt(two, session, output)
    assert running.output_delivered(Stream.STDOUT) == (7 if tty else 6)
    assert running.describe() == kept.description
    assert len(running.descriptors()) == 2
    running.resume_output()
    await running.resize(TerminalSize(cols=80, rows=24))
    running.write_stdin(b"typed\n", source=5)
    assert running.stdin_delivered(5) == 6
    await output.until_out(b"24 80\r\n" if tty else b"typed\n")
    running.write_stdin(b"the end\n")
    running.end_stdin()
    await output.until_out(b"the end")
    await running.signal(Signal.TERM)
    await output.until_ended()
    assert await running.wait() == ExitStatus(143)
    assert b"ready" not in output.out
    await running.aclose()
    kept.memory.close()
    kept.close()
    await one.aclose()
    await two.aclose()


async def test_an_adopted_exec_can_be_ended(engine: DockerEngine, box: Container, docker: TestEngine) -> None:
    session, output = new_session_id(), Recorder()
    kept, _ = await begin(engine, box, session, ExecSpec(command=("sh", "-c", "echo ready; sleep 95; sleep 96")))
    running = kept.adopt(engine, session, output)
    assert len(running.descriptors()) == 1
    running.resume_output()
    assert await running.end(END)
    await output.until_ended()
    assert await running.wait() == ExitStatus(129)
    assert docker.processes(box.id) == []
    await running.aclose()
    kept.memory.close()
    kept.close()


async def test_what_makes_no_sense_is_not_adopted(engine: DockerEngine, box: Container) -> None:
    session, output = new_session_id(), Recorder()
    kept, _ = await begin(engine, box, session, ExecSpec(command=("sh", "-c", "echo ready; sleep 95")))
    notes = bytes(kept.memory)
    spoiled_magic = b"x" + notes[1:]
    spoiled_slots = notes[:192] + b"\xff" * 128 + notes[320:]
    for description, descriptors, memory in (
        (b"{}", kept.descriptors, notes),
        (kept.description, [], notes),
        (kept.description, kept.descriptors, spoiled_magic),
        (kept.description, kept.descriptors, spoiled_slots),
    ):
        kept.memory[:] = memory
        before = len(os.listdir("/proc/self/fd"))
        given = [os.dup(descriptor) for descriptor in descriptors]
        with pytest.raises(EngineError):
            engine.adopt_exec(description, given, memoryview(kept.memory), session=session, output=output)
        assert len(os.listdir("/proc/self/fd")) == before
    kept.memory[:] = notes
    with pytest.raises(EngineError):
        kept.adopt(engine, new_session_id(), output)
    with pytest.raises(EngineError):
        kept.adopt(DockerEngine(parse_address("tcp://127.0.0.1:1"), name="x"), session, output)
    running = kept.adopt(engine, session, output)
    assert await running.end(END)
    await running.aclose()
    kept.memory.close()
    kept.close()


async def test_a_start_that_fails_leaves_the_memory_alone(
    engine: DockerEngine, bare: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing memory that somebody still looks at is an error."""

    async def open_late(*_: object, **__: object) -> None:
        await asyncio.sleep(0.3)
        raise EngineUnavailable("too late")

    for container, spec, kind in (
        (bare.id, ExecSpec(tty=True, size=SIZE), TargetError),
        (ContainerId("f" * 64), ExecSpec(command=("true",)), TargetError),
        (bare.id, ExecSpec(command=("/bin/sleep", "99")), TimeoutError),
    ):
        if kind is TimeoutError:
            monkeypatch.setattr(room, "open_stream", open_late)
        with mmap.mmap(-1, NOTES_SIZE) as memory:
            view = memoryview(memory)
            starting = engine.start_exec(container, spec, session=new_session_id(), output=Recorder(), notes=view)
            with pytest.raises(kind):
                await asyncio.wait_for(starting, 0.2 if kind is TimeoutError else 30)
            view.release()


def test_a_servers_id_is_checked() -> None:
    with pytest.raises(ValueError, match="server"):
        DockerEngine(parse_address("unix:///nowhere.sock"), name="x", server="a.b")
