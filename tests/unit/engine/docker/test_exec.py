"""One exec, from its first byte to its last, against an engine that does what it is told."""

import asyncio
import mmap
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.engines import SIZE, Recorder
from tests.unit.engine.docker.stand_in import VERSION, Answer, StandIn, stand_in
from whale.engine.docker import exec as room
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.dial import parse_address
from whale.engine.docker.exec import DockerExec
from whale.engine.seam import NOTES_SIZE
from whale.model.errors import EngineUnavailable, ExecError, WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.ids import ContainerId, new_session_id

PIPE = ExecSpec(command=("x",))
GO = b"HTTP/1.1 101 UPGRADED\r\n\r\n"
FAILED = b'OCI runtime exec failed: exec failed: exec: "x": executable file not found in $PATH: unknown\r\n'
PODMAN = VERSION | {"Components": [{"Name": "Podman Engine"}]}
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def state(running: bool, code: int | None, pid: int) -> Answer:
    return 200, {"Running": running, "ExitCode": code, "Pid": pid, "ProcessConfig": {"tty": False}}


class Bench:
    """An engine of a few lines, and the adapter on it."""

    def __init__(self, engine: StandIn) -> None:
        self.engine = engine
        self.adapter = DockerEngine(parse_address(engine.url), name="x")
        engine.routes["/containers/c1/exec"] = (201, {"Id": "e1"})
        engine.routes["/containers/c1/json"] = (200, {"Id": "c1", "State": {"Status": "running", "Pid": 0}})
        engine.routes["/resize"] = (201, {})
        self.output = Recorder()
        self._started: list[DockerExec] = []

    async def aclose(self) -> None:
        for running in self._started:
            await running.aclose()
        await self.adapter.aclose()

    def says(self, *pieces: bytes, then: Answer, pause: float = 0.01) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(GO)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)

        self.engine.raw["/start"] = serve
        self.engine.routes["/exec/e1/json"] = then

    async def start(self, spec: ExecSpec = PIPE) -> DockerExec:
        made = await self.adapter.start_exec(ContainerId("c1"), spec, session=new_session_id(), output=self.output)
        self._started.append(made)
        return made

    async def finish(self, spec: ExecSpec = PIPE) -> ExitStatus:
        running = await self.start(spec)
        await self.output.until_ended()
        return await running.wait()


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with stand_in(tmp_path) as engine:
        made = Bench(engine)
        yield made
        await made.aclose()


TTY = ExecSpec(command=("x",), tty=True, stdin=True, size=SIZE)


async def test_streams_and_status(bench: Bench) -> None:
    bench.says(frame(1, b"out"), frame(2, b"err")[:9], frame(2, b"err")[9:], then=state(False, 3, 7))
    assert await bench.finish() == ExitStatus(3)
    assert (bytes(bench.output.out), bytes(bench.output.err)) == (b"out", b"err")


async def test_a_failed_start_is_no_output(bench: Bench) -> None:
    bench.says(frame(1, FAILED[:30]), frame(1, FAILED[30:]), then=state(False, 126, 0))
    running = await bench.start()
    await bench.output.until_ended()
    for _ in range(2):
        with pytest.raises(ExecError) as caught:
            await running.wait()
        assert caught.value.code == "exec.not_found"
    assert bench.output.received == 0


async def test_the_same_text_of_a_program_is_shown_even_while_it_runs(bench: Bench) -> None:
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO + frame(1, FAILED))
        await go_on.wait()

    bench.says(then=state(True, None, 0))
    bench.engine.raw["/start"] = serve
    running = await bench.start()
    await asyncio.sleep(0.1)
    assert bench.output.received == 0
    bench.engine.routes["/exec/e1/json"] = state(True, None, 7)
    await bench.output.until_out(FAILED)
    bench.engine.routes["/exec/e1/json"] = state(False, 0, 7)
    go_on.set()
    await bench.output.until_ended()
    assert await running.wait() == ExitStatus(0)


async def test_a_prefix_that_goes_no_further_is_shown_at_the_end(bench: Bench) -> None:
    bench.says(frame(1, b"OCI run"), then=state(False, 0, 7))
    assert await bench.finish() == ExitStatus(0)
    assert bytes(bench.output.out) == b"OCI run"


async def test_standard_error_proves_that_it_runs(bench: Bench) -> None:
    bench.says(frame(1, FAILED), frame(2, b"e"), then=state(True, None, 0), pause=0.05)
    running = await bench.start()
    await bench.output.until(lambda: bench.output.err == b"e", "seen")
    assert bytes(bench.output.out) == FAILED
    await bench.output.until_ended()
    await running.aclose()


async def test_a_failed_start_in_words_nobody_knows(bench: Bench) -> None:
    bench.says(frame(1, b"whatever this engine says"), then=state(False, 126, 0))
    with pytest.raises(ExecError) as caught:
        await bench.finish()
    assert caught.value.code == "exec.not_started"


async def test_podman_says_it_elsewhere_and_forgets_the_number(bench: Bench) -> None:
    bench.engine.routes["/version"] = (200, PODMAN)
    text = b"Error: runc: exec failed: exec: executable file not found in $PATH: OCI runtime attempted\n"
    bench.says(frame(2, text), then=state(False, 127, 0))
    with pytest.raises(ExecError) as caught:
        await bench.finish()
    assert caught.value.code == "exec.not_found"
    bench.output = Recorder()
    bench.says(frame(2, text), then=state(False, 0, 0))
    assert await bench.finish() == ExitStatus(0)
    assert bytes(bench.output.err) == text


async def test_podman_giving_up_the_output_is_a_loss(bench: Bench) -> None:
    bench.engine.routes["/version"] = (200, PODMAN)
    complaint = b"Error: write unixpacket @->/proc/self/fd/16/attach: write: broken pipe\n"
    bench.says(frame(1, b"some"), frame(2, complaint), then=state(False, 0, 0))
    assert await bench.finish() == ExitStatus(None, "engine.failed")
    assert (bytes(bench.output.out), bytes(bench.output.err)) == (b"some", b"")


async def test_a_stream_that_ends_in_a_frame_is_never_a_success(bench: Bench) -> None:
    bench.says(frame(1, b"whole"), frame(1, b"half")[:-2], then=state(False, 0, 7))
    assert await bench.finish() == ExitStatus(None, "engine.unavailable")
    assert bytes(bench.output.out) == b"wholeha"


async def test_a_broken_stream_is_never_a_success(bench: Bench) -> None:
    bench.says(frame(1, b"good") + b"\xff" * 8, frame(1, b"more"), then=state(False, 0, 7))
    assert await bench.finish() == ExitStatus(None, "engine.failed")
    assert bytes(bench.output.out) == b"good"


async def test_an_engine_in_trouble_at_the_end(bench: Bench) -> None:
    bench.says(frame(1, b"out"), then=(500, {"message": "oh"}))
    assert await bench.finish() == ExitStatus(None, "engine.failed")


async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bytes) -> None:
    """A terminal with a wrapper that waits for its newline."""
    writer.write(GO)
    assert await reader.readexactly(1) == b"\n"
    writer.write(b"\r")
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(b"\n" + reply)
    await writer.drain()


async def test_the_first_size_comes_before_everything(bench: Bench) -> None:
    typed = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal typed
        assert bench.engine.requests[-1].endswith("/exec/e1/start")
        await waiting(reader, writer, b"$ ")
        typed = await reader.readexactly(5)

    bench.says(then=state(False, 0, 7))
    bench.engine.raw["/start"] = serve
    running = await bench.start(TTY)
    assert bench.engine.requests[-1].endswith("/exec/e1/resize?h=33&w=111")
    running.write_stdin(b"typed")
    await bench.output.until_ended()
    assert (bytes(bench.output.out), typed) == (b"$ ", b"typed")
    await running.resize(SIZE)
    running.end_stdin()
    assert running.stdin_pending == 0


async def test_what_the_wrapper_says_is_no_output(bench: Bench) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        created = next(body for body in bench.engine.bodies if b'"Cmd"' in body)
        mark = created.partition(b'exec \\"$@\\"\\n", "')[2].partition(b'"')[0]
        await waiting(reader, writer, mark + b"not_found")

    bench.says(then=state(False, 127, 7))
    bench.engine.raw["/start"] = serve
    with pytest.raises(ExecError) as caught:
        await bench.finish(TTY)
    assert caught.value.code == "exec.not_found"
    assert bench.output.received == 0


async def test_a_wrapper_that_can_t_start_fails_at_once(bench: Bench) -> None:
    bench.says(b"unable to find user me: no matching entries in passwd file\r\n", then=state(False, 126, 0))
    bench.engine.routes["/resize"] = (404, {"message": "no such exec"})
    with pytest.raises(ExecError) as caught:
        await bench.start(TTY)
    assert caught.value.code == "exec.user"
    assert not bench.output.ended.is_set()


async def test_a_size_that_the_engine_never_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ENGINE_TIMEOUT", 0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await reader.read()

    bench.says(then=state(False, 137, 7))
    bench.engine.raw["/start"] = serve
    bench.engine.routes["/resize"] = (500, {"message": "timeout waiting for exec session ready"})
    with pytest.raises(WhaleError) as caught:
        await bench.start(TTY)
    assert caught.value.code == "engine.failed"


async def test_an_engine_with_much_to_do_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_RETRY_PAUSE", 0.001)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await waiting(reader, writer, b"$ ")

    bench.says(then=state(True, None, 0))
    bench.engine.raw["/start"] = serve
    busy = (500, {"message": "timeout waiting for exec session ready"})
    bench.engine.routes["/resize"] = [busy, busy, (201, {})]
    await bench.start(TTY)
    await bench.output.until_ended()
    assert bytes(bench.output.out) == b"$ "


async def test_resizing_later(bench: Bench) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await waiting(reader, writer, b"")
        await reader.read()

    bench.says(then=state(True, None, 7))
    bench.engine.raw["/start"] = serve
    running = await bench.start(TTY)
    bench.engine.routes["/resize"] = (404, {"message": "no such exec"})
    await running.resize(SIZE)
    await bench.adapter._client.aclose()
    with pytest.raises(EngineUnavailable):
        await running.resize(SIZE)
    running.pause_output()
    running.resume_output()
    await running.aclose()
    await running.aclose()
    assert not bench.output.ended.is_set()


async def test_input_and_its_end(bench: Bench) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        writer.write(frame(1, await reader.read()))

    bench.says(then=state(False, 0, 7))
    bench.engine.raw["/start"] = serve
    running = await bench.start(ExecSpec(command=("x",), stdin=True))
    assert running.id == "e1"
    running.write_stdin(b"a" * 100_000)
    running.write_stdin(b"b")
    running.end_stdin()
    await bench.output.until_ended()
    assert bytes(bench.output.out) == b"a" * 100_000 + b"b"


class Successor:
    """Starts an exec that is let go of at once, and adopts it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.memory = mmap.mmap(-1, NOTES_SIZE)

    async def adopt(self, *, kind: str = "docker", until: Callable[[Recorder], bool] = lambda _: True) -> DockerExec:
        session, first = new_session_id(), Recorder()
        started = await self.bench.adapter.start_exec(
            ContainerId("c1"), PIPE, session=session, output=first, notes=memoryview(self.memory)
        )
        await asyncio.sleep(0.05)
        assert first.received == 0
        kept = [os.dup(descriptor) for descriptor in started.descriptors()]
        description = started.describe()
        await started.aclose()
        made = self.bench.adapter.adopt_exec(
            description, kept, memoryview(self.memory), session=session, output=self.bench.output
        )
        self.bench._started.append(made)
        await asyncio.sleep(0.05)
        assert self.bench.output.received == 0
        return made


async def test_a_failed_start_is_found_by_a_successor_too(bench: Bench) -> None:
    bench.says(frame(1, FAILED), then=state(True, None, 0))
    running = await Successor(bench).adopt()
    bench.engine.routes["/exec/e1/json"] = state(False, 126, 0)
    running.resume_output()
    await bench.output.until_ended()
    with pytest.raises(ExecError) as caught:
        await running.wait()
    assert caught.value.code == "exec.not_found"
    assert bench.output.received == 0


async def test_a_successor_shows_what_turns_out_to_be_output(bench: Bench) -> None:
    bench.says(frame(1, FAILED), then=state(True, None, 0))
    running = await Successor(bench).adopt()
    bench.engine.routes["/exec/e1/json"] = state(False, 4, 7)
    running.resume_output()
    await bench.output.until_ended()
    assert await running.wait() == ExitStatus(4)
    assert bytes(bench.output.out) == FAILED
    assert running.output_delivered(Stream.STDOUT) == len(FAILED)


async def test_a_stream_that_was_broken_is_a_loss_to_a_successor(bench: Bench) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"\xff" * 8)
        await reader.read()

    bench.says(then=state(True, None, 7))
    bench.engine.raw["/start"] = serve
    memory, first = mmap.mmap(-1, NOTES_SIZE), Recorder()
    session = new_session_id()
    started = await bench.adapter.start_exec(
        ContainerId("c1"), PIPE, session=session, output=first, notes=memoryview(memory)
    )
    kept = [os.dup(descriptor) for descriptor in started.descriptors()]
    await first.until_ended()
    await started.aclose()
    running = bench.adapter.adopt_exec(
        started.describe(), kept, memoryview(memory), session=session, output=bench.output
    )
    running.resume_output()
    await bench.output.until_ended()
    assert await running.wait() == ExitStatus(None, "engine.failed")
    await running.aclose()


async def test_nothing_can_be_kept_before_it_runs(bench: Bench) -> None:
    during: list[tuple[int, ...]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        during.extend(made.descriptors() for made in bench.adapter._execs)
        await waiting(reader, writer, b"")

    bench.says(then=state(False, 0, 7))
    bench.engine.raw["/start"] = serve
    running = await bench.start(TTY)
    assert during == [()]
    assert len(running.descriptors()) == 2
    await bench.output.until_ended()
    assert len(running.descriptors()) == 2
    await running.aclose()
    assert running.descriptors() == ()
    assert running.stdin_delivered(0) == 0
