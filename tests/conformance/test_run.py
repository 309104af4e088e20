"""Programs, what they get and how they end."""

import asyncio

import pytest

from tests.conformance.rig import Rig
from tests.engines import SIZE, TIMEOUT, Recorder, failure, run, start
from whale.engine.seam import EndPolicy, Exec, Permit
from whale.model.errors import AccessDenied, ExecError, WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.ids import new_session_id

END = EndPolicy(hup=0.5, term=0.5, kill=5.0)


async def test_runs_a_program_and_reports_success(rig: Rig) -> None:
    done = await run(rig.engine, rig.box, "echo", "hello", "there")
    assert (done.status, done.out, done.err) == (ExitStatus(0), b"hello there\n", b"")


async def test_every_exit_code_is_the_programs_own(rig: Rig) -> None:
    gate = asyncio.Semaphore(8)

    async def code(number: int) -> tuple[int, ExitStatus]:
        async with gate:
            return number, (await run(rig.engine, rig.box, "sh", "-c", f"exit {number}")).status

    results = await asyncio.gather(*(code(number) for number in range(256)))
    assert {number: status for number, status in results if status != ExitStatus(number)} == {}


async def test_a_program_killed_by_a_signal_reports_128_and_its_number(rig: Rig) -> None:
    assert (await run(rig.engine, rig.box, "sh", "-c", "kill -TERM $$; sleep 100")).status == ExitStatus(143)


async def test_stdout_and_stderr_stay_apart(rig: Rig) -> None:
    done = await run(rig.engine, rig.box, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.status, done.out, done.err) == (ExitStatus(7), b"out\n", b"err\n")


async def test_without_input_a_program_sees_its_end_at_once(rig: Rig) -> None:
    assert (await run(rig.engine, rig.box, "cat")).out == b""


async def test_half_close_ends_the_input_and_not_the_output(rig: Rig) -> None:
    done = await run(rig.engine, rig.box, "sh", "-c", "cat; sleep 0.3; echo after; exit 5", stdin=b"before\n")
    assert (done.status, done.out) == (ExitStatus(5), b"before\nafter\n")


async def test_environment_is_added_to_the_containers_own(rig: Rig) -> None:
    done = await run(rig.engine, rig.box, "env", env=(("NAME", "two words"), ("EMPTY", "")))
    lines = done.out.decode().splitlines()
    assert "NAME=two words" in lines
    assert "EMPTY=" in lines
    assert any(line.startswith("PATH=") for line in lines)


async def test_the_session_marks_the_environment_and_nobody_can_change_that(rig: Rig) -> None:
    session = new_session_id()
    output = Recorder()
    spec = ExecSpec(command=("env",), env=(("WHALE_SESSION", "mine"),))
    running = await rig.engine.start_exec(rig.box.id, spec, session=session, output=output)
    await output.until_ended()
    marks = [line for line in output.out.decode().splitlines() if line.startswith("WHALE_SESSION=")]
    assert marks == [f"WHALE_SESSION={session}"]
    await running.aclose()


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
async def test_nothing_runs_before_its_permit_and_nothing_without(rig: Rig, tty: bool) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    may = False

    async def permit() -> None:
        asked.set()
        await answer.wait()
        if not may:
            raise AccessDenied("no")

    spec = ExecSpec(("sh", "-c", "echo ran; cat"), tty=tty, stdin=True, size=SIZE if tty else None)
    for may in (False, True):
        asked.clear()
        answer.clear()
        output = Recorder()
        async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(_started(rig, spec, output, permit))
            await asked.wait()
            assert await rig.processes() == []
            answer.set()
        running = starting.result()
        assert (running is not None) == may
        if running is not None:
            await output.until(lambda: b"ran" in output.out, "it runs")  # noqa: B023 - it is over before the next
            await running.end(EndPolicy(hup=0.1, term=0.1))
            await running.aclose()
        else:
            assert await rig.processes() == []


async def _started(rig: Rig, spec: ExecSpec, output: Recorder, permit: Permit) -> Exec | None:
    try:
        return await rig.engine.start_exec(rig.box.id, spec, session=new_session_id(), output=output, permit=permit)
    except AccessDenied:
        return None


async def test_a_terminal_adds_no_variables_of_its_own(rig: Rig) -> None:
    plain = await run(rig.engine, rig.box, "env")
    on_terminal = await run(rig.engine, rig.box, "env", tty=True, size=SIZE)

    def names(out: bytes) -> set[str]:
        return {line.partition("=")[0] for line in out.decode().splitlines()} - {"TERM"}

    assert names(on_terminal.out) == names(plain.out)


async def test_user(rig: Rig) -> None:
    assert (await run(rig.engine, rig.box, "id", "-u", user="nobody")).out == b"65534\n"
    assert (await run(rig.engine, rig.box, "id", "-u", user="1234:1234")).out == b"1234\n"


async def test_working_directory(rig: Rig) -> None:
    assert (await run(rig.engine, rig.box, "pwd", workdir="/etc")).out == b"/etc\n"


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (ExecSpec(command=("no-such-program",)), "exec.not_found"),
        (ExecSpec(command=("/no/such/program",)), "exec.not_found"),
        (ExecSpec(command=("true",), workdir="/no/such/place"), "exec.workdir"),
        (ExecSpec(command=("true",), user="no-such-user"), "exec.user"),
    ],
)
async def test_a_start_that_fails_is_an_error_and_never_output(rig: Rig, spec: ExecSpec, code: str, tty: bool) -> None:
    spec = spec._replace(tty=tty, size=SIZE if tty else None)
    assert await failure(rig.engine, rig.box, spec, ExecError) == code
    assert await rig.processes() == []


async def test_wait_gives_the_same_answer_again(rig: Rig) -> None:
    output = Recorder()
    running = await rig.engine.start_exec(
        rig.box.id, ExecSpec(command=("no-such-program",)), session=new_session_id(), output=output
    )
    await output.until_ended()
    for _ in range(2):
        with pytest.raises(WhaleError, match="no-such-program"):
            await running.wait()
    await running.aclose()


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
@pytest.mark.parametrize(
    "text",
    [
        "OCI runtime exec failed: exec failed: unable to start container process",
        "OCI runtime",
        "unable to find user me: no matching entries in passwd file",
        "Error: runc: exec failed: unable to start container process",
    ],
)
async def test_a_program_that_prints_an_engines_words_is_shown(rig: Rig, text: str, tty: bool) -> None:
    done = await run(rig.engine, rig.box, "echo", text, tty=tty, size=SIZE if tty else None)
    assert (done.status, done.out) == (ExitStatus(0), text.encode() + (b"\r\n" if tty else b"\n"))


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
async def test_not_even_the_engines_exit_code_makes_it_a_failed_start(rig: Rig, tty: bool) -> None:
    script = "echo OCI runtime exec failed: exec failed; exit 126"
    done = await run(rig.engine, rig.box, "sh", "-c", script, tty=tty, size=SIZE if tty else None)
    assert done.status == ExitStatus(126)
    assert done.out.rstrip() == b"OCI runtime exec failed: exec failed"


async def test_an_engines_words_are_shown_while_the_program_still_runs(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo OCI runtime exec failed: no; sleep 100")
    await output.until_out(b"OCI runtime exec failed: no\n")
    assert not output.ended.is_set()
    assert await running.end(END)
    await running.aclose()


async def test_signals_reach_the_program(rig: Rig) -> None:
    for signal, code in ((Signal.INT, 130), (Signal.TERM, 143), (Signal.USR1, 138), (Signal.KILL, 137)):
        running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100")
        await output.until_out(b"ready\n")
        await running.signal(signal)
        await output.until_ended()
        assert await running.wait() == ExitStatus(code)
        await running.aclose()


async def test_signalling_what_has_ended_does_nothing(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "true")
    await output.until_ended()
    await running.wait()
    await running.signal(Signal.TERM)
    await running.resize(SIZE)
    running.write_stdin(b"too late")
    running.end_stdin()
    assert running.stdin_pending == 0
    assert await running.end(END)
    await running.aclose()
    await running.aclose()
