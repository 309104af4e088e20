import asyncio
import hashlib
import random
import time
from itertools import pairwise

from tests.engines import SIZE, run, start
from whale.engine.fake import FakeEngine
from whale.engine.fake.programs import PROGRAMS, STAMP
from whale.engine.seam import EndPolicy, Engine
from whale.model.container import Container
from whale.model.exec import ExitStatus

END = EndPolicy(hup=0.05, term=0.05, kill=1.0)


async def make() -> tuple[Engine, Container]:
    engine = FakeEngine()
    engine.add_container("box")
    return engine, await engine.container("box")


async def test_the_simple_ones() -> None:
    engine, box = await make()
    assert (await run(engine, box, "true")).status == ExitStatus(0)
    assert (await run(engine, box, "false")).status == ExitStatus(1)
    assert (await run(engine, box, "echo", "a", "b")).out == b"a b\n"
    assert (await run(engine, box, "cat", stdin=b"xyz")).out == b"xyz"
    assert (await run(engine, box, "/bin/pwd")).out == b"/\n"
    assert (await run(engine, box, "pwd", workdir="/tmp")).out == b"/tmp\n"
    assert (await run(engine, box, "id", "-u")).out == b"0\n"
    assert (await run(engine, box, "id", "-u", user="postgres:1")).out == b"999\n"
    assert (await run(engine, box, "sleep", "0.01")).status == ExitStatus(0)
    assert b"A=1\n" in (await run(engine, box, "env", env=(("A", "1"),))).out


async def test_stty() -> None:
    engine, box = await make()
    assert (await run(engine, box, "stty", "size", tty=True, size=SIZE)).out == b"33 111\r\n"
    assert (await run(engine, box, "stty", "size", tty=True)).out == b"0 0\r\n"
    plain = await run(engine, box, "stty", "size")
    assert (plain.status, plain.out) == (ExitStatus(1), b"")
    assert b"not a terminal" in plain.err


async def test_random_repeats_and_sha256sum_is_right() -> None:
    engine, box = await make()
    first = (await run(engine, box, "random", "200000", "seed")).out
    assert len(first) == 200_000
    assert first == (await run(engine, box, "random", "200000", "seed")).out
    assert first != (await run(engine, box, "random", "200000", "other")).out
    said = (await run(engine, box, "sha256sum", stdin=first)).out
    assert said == f"{hashlib.sha256(first).hexdigest()}  -\n".encode()
    assert first[:10] == random.Random("seed").randbytes(65536)[:10]


async def test_yes_and_ignore_go_on_until_they_are_ended() -> None:
    engine, box = await make()
    running, output = await start(engine, box, "yes", "no")
    await output.until(lambda: output.received > 100_000, "had output")
    assert output.out.startswith(b"no\nno\n")
    assert await running.end(END)
    running, output = await start(engine, box, "ignore")
    await output.until_out(b"ready\n")
    assert await running.end(END)
    assert await running.wait() == ExitStatus(137)


async def test_stream_keeps_its_rate_and_stamps_its_pieces() -> None:
    engine, box = await make()
    running, output = await start(engine, box, "stream", "40000", "1000")
    await output.until(lambda: output.received >= 10_000, "had ten pieces")
    assert await running.end(END)
    pieces = [bytes(output.out[at : at + 1000]) for at in range(0, 10_000, 1000)]
    assert [int.from_bytes(p[:8], "big") for p in pieces] == list(range(10))
    due = [int.from_bytes(p[8:STAMP], "big") for p in pieces]
    steps = [b - a for a, b in pairwise(due)]
    assert all(abs(step - 25_000_000) < 100_000 for step in steps)
    assert abs(time.monotonic_ns() - due[-1]) < 5_000_000_000


async def test_stream_catches_up_after_a_pause() -> None:
    engine, box = await make()
    running, output = await start(engine, box, "stream", "100000", "1000")
    running.pause_output()
    await asyncio.sleep(0.2)
    assert output.received == 0
    running.resume_output()
    await output.until(lambda: output.received >= 15_000, "caught up")
    assert await running.end(END)


def test_every_program_says_what_it_does() -> None:
    assert all(program.__doc__ for program in PROGRAMS.values())
