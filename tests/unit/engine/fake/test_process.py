import asyncio

import pytest

from tests.engines import SIZE, Recorder, start
from whale.engine.fake import FakeEngine, FakeProcess
from whale.engine.fake.process import PIPE_CAPACITY
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream
from whale.model.ids import new_session_id
from whale.model.terminal import TerminalSize

END = EndPolicy(hup=0.05, term=0.05, kill=1.0)


async def launch(program: object, *, tty: bool = False) -> tuple[FakeProcess, Recorder]:
    engine = FakeEngine()
    engine.add_program("it", program)  # type: ignore[arg-type]
    engine.add_container("box")
    box: Container = await engine.container("box")
    output = Recorder()
    spec = ExecSpec(command=("it",), stdin=True, tty=tty, size=SIZE if tty else None)
    return await engine.start_exec(box.id, spec, session=new_session_id(), output=output), output


async def test_input_beyond_the_pipe_is_pending_until_it_is_read() -> None:
    gate = asyncio.Event()

    async def program(process: FakeProcess) -> int:
        await gate.wait()
        while await process.read():
            pass
        return 0

    process, output = await launch(program)
    process.write_stdin(bytes(PIPE_CAPACITY))
    assert process.stdin_pending == 0
    process.write_stdin(bytes(10))
    assert process.stdin_pending == 10
    gate.set()
    await output.until(lambda: output.drained == 1, "drained")
    process.end_stdin()
    await output.until_ended()
    process.write_stdin(b"late")
    assert process.stdin_pending == 0


async def test_paused_output_waits_and_its_end_too() -> None:
    async def program(process: FakeProcess) -> int:
        await process.write(b"one")
        await process.write(b"two")
        return 0

    process, output = await launch(program)
    process.pause_output()
    process.pause_output()
    await asyncio.sleep(0.02)
    assert process.is_paused
    assert output.received == 0
    assert not output.ended.is_set()
    process.resume_output()
    await output.until_ended()
    assert bytes(output.out) == b"onetwo"


async def test_a_program_that_never_waits_lets_others_run() -> None:
    async def program(process: FakeProcess) -> int:
        while True:
            await process.write(bytes(65536), Stream.STDERR)

    process, output = await launch(program)
    await output.until(lambda: len(output.err) > 10 * 65536, "had output")
    assert await process.end(END)


async def test_signals_end_and_are_recorded_and_can_be_trapped() -> None:
    async def program(process: FakeProcess) -> int:
        process.trap(Signal.HUP, Signal.KILL)
        await asyncio.sleep(100)
        return 0

    process, output = await launch(program)
    await asyncio.sleep(0)
    await process.signal(Signal.HUP)
    await asyncio.sleep(0.01)
    assert not output.ended.is_set()
    assert await process.end(END)
    await output.until_ended()
    assert process.signals == [Signal.HUP, Signal.HUP, Signal.TERM]
    assert await process.wait() == ExitStatus(143)
    await process.signal(Signal.KILL)
    assert process.signals[-1] is Signal.TERM


async def test_a_signal_before_the_first_step_ends_it_too() -> None:
    async def program(process: FakeProcess) -> int:
        return 0

    process, output = await launch(program)
    await process.signal(Signal.TERM)
    await output.until_ended()
    assert await process.wait() == ExitStatus(143)


@pytest.mark.filterwarnings("ignore")
async def test_a_program_that_raises_ends_with_1() -> None:
    async def program(process: FakeProcess) -> int:
        raise ValueError("a bug")

    process, output = await launch(program)
    await output.until_ended()
    assert await process.wait() == ExitStatus(1)


async def test_terminal() -> None:
    async def program(process: FakeProcess) -> int:
        line = await process.read()
        await process.write(line.upper(), Stream.STDERR)
        process.set_raw(True)
        await process.write(await process.read())
        return 0

    process, output = await launch(program, tty=True)
    process.end_stdin()
    process.write_stdin(b"hi\n")
    await output.until_out(b"hi\r\nHI\r\n")
    process.write_stdin(b"\x03\n")
    await output.until_ended()
    assert bytes(output.out) == b"hi\r\nHI\r\n\x03\n"
    assert output.err == b""


async def test_resize() -> None:
    async def program(process: FakeProcess) -> int:
        await process.read()
        return 0

    process, output = await launch(program, tty=True)
    assert process.size == SIZE
    await process.resize(TerminalSize(cols=5, rows=6))
    assert process.size == TerminalSize(cols=5, rows=6)
    process.write_stdin(b"\x03")
    await output.until_ended()
    assert await process.wait() == ExitStatus(130)
    await process.resize(SIZE)
    assert process.size == TerminalSize(cols=5, rows=6)


async def test_letting_go_hands_nothing_over_any_more() -> None:
    engine = FakeEngine()
    engine.add_container("box")
    running, output = await start(engine, await engine.container("box"), "yes")
    await output.until(lambda: output.received > 0, "had output")
    running.pause_output()
    await running.aclose()
    before = output.received
    await asyncio.sleep(0.02)
    assert output.received == before
    assert await running.end(END)
    assert not output.ended.is_set()
    assert await running.wait() == ExitStatus(129)
