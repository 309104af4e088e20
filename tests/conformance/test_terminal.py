"""Terminals: sizes, control keys, login shells."""

import pytest

from tests.conformance.rig import Rig
from tests.engines import SIZE, Recorder, run, start
from whale.engine.seam import EndPolicy
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.ids import new_session_id
from whale.model.terminal import TerminalSize

END = EndPolicy(hup=0.5, term=0.5, kill=5.0)


async def test_the_first_size_is_right_from_the_first_line(rig: Rig) -> None:
    for round_ in range(10):
        size = TerminalSize(cols=100 + round_, rows=30 + round_)
        done = await run(rig.engine, rig.box, "stty", "size", tty=True, size=size)
        assert (done.status, done.out) == (ExitStatus(0), f"{size.rows} {size.cols}\r\n".encode())


async def test_a_shells_first_line_has_the_right_size(rig: Rig) -> None:
    output = Recorder()
    spec = ExecSpec(tty=True, stdin=True, size=SIZE)
    running = await rig.engine.start_exec(rig.box.id, spec, session=new_session_id(), output=output)
    running.write_stdin(b"stty size\nexit 3\n")
    await output.until_ended()
    assert b"33 111\r\n" in output.out
    assert await running.wait() == ExitStatus(3)
    await running.aclose()


async def test_resize(rig: Rig) -> None:
    running, output = await start(
        rig.engine, rig.box, "sh", "-c", "stty size; read -r x; stty size; read -r x; stty size", tty=True
    )
    await output.until_out(b"33 111\r\n")
    await running.resize(TerminalSize(cols=80, rows=24))
    running.write_stdin(b"\n")
    await output.until_out(b"24 80\r\n")
    await running.resize(TerminalSize(cols=5, rows=3))
    running.write_stdin(b"\n")
    await output.until_out(b"3 5\r\n")
    await output.until_ended()
    await running.aclose()


async def test_output_comes_as_one_stream_with_carriage_returns(rig: Rig) -> None:
    done = await run(rig.engine, rig.box, "sh", "-c", "echo out; echo err >&2", tty=True, size=SIZE)
    assert (done.out, done.err) == (b"out\r\nerr\r\n", b"")


async def test_nothing_precedes_a_programs_own_first_bytes(rig: Rig) -> None:
    assert (await run(rig.engine, rig.box, "echo", "", tty=True, size=SIZE)).out == b"\r\n"
    assert (await run(rig.engine, rig.box, "true", tty=True, size=SIZE)).out == b""


async def test_every_control_key_reaches_the_program(rig: Rig) -> None:
    """Engines end the attach at Ctrl-P Ctrl-Q unless they are told other keys."""
    running, output = await start(rig.engine, rig.box, "sh", "-c", "stty raw; stty -echo; echo ready; cat", tty=True)
    await output.until_out(b"ready")
    del output.out[:]
    keys = b"\x10\x11" * 3 + b"\x10" + bytes(range(1, 32)) + b"end"
    running.write_stdin(keys)
    await output.until_out(b"end")
    assert keys in bytes(output.out)
    assert not output.ended.is_set()
    assert await running.end(END)
    await running.aclose()


async def test_a_single_ctrl_p_is_not_held_back(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "stty raw; stty -echo; echo ready; cat", tty=True)
    await output.until_out(b"ready")
    running.write_stdin(b"\x10")
    await output.until_out(b"\x10")
    assert await running.end(END)
    await running.aclose()


async def test_ctrl_c_interrupts(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100", tty=True)
    await output.until_out(b"ready")
    running.write_stdin(b"\x03")
    await output.until_ended()
    assert await running.wait() == ExitStatus(130)
    await running.aclose()


async def test_ctrl_d_ends_the_input(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "cat", tty=True)
    running.write_stdin(b"line\n\x04")
    await output.until_ended()
    assert bytes(output.out) == b"line\r\nline\r\n"
    await running.aclose()


async def test_half_close_means_nothing_to_a_terminal(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "cat", tty=True)
    running.end_stdin()
    running.write_stdin(b"still here\n")
    await output.until_out(b"still here\r\nstill here\r\n")
    running.write_stdin(b"\x04")
    await output.until_ended()
    assert await running.wait() == ExitStatus(0)
    await running.aclose()


@pytest.mark.parametrize("count", [1, 50])
async def test_input_written_at_once_is_neither_lost_nor_reordered(rig: Rig, count: int) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "read -r a; read -r b; echo $a; echo $b", tty=True)
    running.write_stdin(b"first" * count + b"\n")
    running.write_stdin(b"second\n")
    await output.until_ended()
    lines = bytes(output.out).replace(b"\r", b"").split(b"\n")
    assert lines[-3:] == [b"first" * count, b"second", b""]
    await running.aclose()
