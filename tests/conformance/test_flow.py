"""Many bytes, and who may wait for whom."""

import asyncio
import hashlib
import random

from tests.conformance.rig import Rig
from tests.engines import TIMEOUT, Recorder, start
from whale.engine.seam import EndPolicy, Exec
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.ids import new_session_id
from whale.model.limits import MIB

END = EndPolicy(hup=0.5, term=0.5, kill=5.0)
SIZE = 64 * MIB
PIECE = MIB
WRITE_150_000 = {"fake": "random 150000 5"} | dict.fromkeys(("docker", "podman"), "head -c 150000 /dev/zero")


class Hasher(Recorder):
    """Keeps a digest instead of the bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.digest = hashlib.sha256()

    def output_received(self, stream: object, data: bytes) -> None:
        self.received += len(data)
        self.digest.update(data)
        self._news.set()


async def feed(running: Exec, output: Recorder, data: bytes) -> None:
    """Write all of `data`, never more than two pieces ahead of the engine."""
    for at in range(0, len(data), PIECE):
        running.write_stdin(data[at : at + PIECE])
        await output.until(lambda: running.stdin_pending <= PIECE, "took the input")
    running.end_stdin()


async def test_64_mib_of_random_bytes_each_way(rig: Rig) -> None:
    data = random.Random(7).randbytes(SIZE)
    output = Hasher()
    spec = ExecSpec(command=("cat",), stdin=True)
    running = await rig.engine.start_exec(rig.box.id, spec, session=new_session_id(), output=output)
    await feed(running, output, data)
    await output.until_ended()
    assert output.received == SIZE
    assert output.digest.digest() == hashlib.sha256(data).digest()
    assert await running.wait() == ExitStatus(0)
    await running.aclose()


async def test_the_program_sees_the_very_bytes(rig: Rig) -> None:
    data = random.Random(8).randbytes(SIZE)
    running, output = await start(rig.engine, rig.box, "sha256sum")
    await feed(running, output, data)
    await output.until_ended()
    assert output.out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    await running.aclose()


async def test_paused_output_holds_the_program(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "yes")
    await output.until(lambda: output.received > MIB, "had output")
    running.pause_output()
    running.pause_output()
    await asyncio.sleep(0.3)
    held = output.received
    await asyncio.sleep(0.5)
    assert output.received == held
    assert not output.ended.is_set()
    running.resume_output()
    running.resume_output()
    await output.until(lambda: output.received > held + MIB, "went on")
    assert await running.end(END)
    await output.until_ended()
    await running.aclose()


async def test_input_that_nobody_reads_stays_pending_and_drains_when_read(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 1; cat")
    await output.until_out(b"ready\n")
    running.write_stdin(bytes(8 * MIB))
    await asyncio.sleep(0.1)
    assert running.stdin_pending > 0
    running.end_stdin()
    await output.until(lambda: running.stdin_pending == 0 and output.drained > 0, "drained")
    await output.until_ended()
    assert await running.wait() == ExitStatus(0)
    await running.aclose()


async def test_output_is_whole_when_the_program_leaves_its_input_unread(rig: Rig) -> None:
    """The engine then breaks the connection under our hands while it still holds output."""
    for _ in range(5):
        await leave_input_unread(rig)


async def leave_input_unread(rig: Rig) -> None:
    running, output = await start(rig.direct, rig.box, "sh", "-c", f"sleep 0.2; {WRITE_150_000[rig.kind]}; exit 6")
    running.pause_output()
    for _ in range(8):
        running.write_stdin(bytes(MIB))
    await asyncio.sleep(0.7)
    for _ in range(8):
        running.write_stdin(bytes(MIB))
        await asyncio.sleep(0.01)
    running.resume_output()
    await output.until_ended()
    status = await running.wait()
    # Podman itself stops passing on output then, and says so. The status must not claim that all is there.
    assert (output.received, status) == (150_000, ExitStatus(6)) or (rig.kind == "podman" and status.is_lost)
    assert bytes(output.err) == b""
    assert running.stdin_pending == 0
    await running.aclose()


async def test_letting_go_of_the_stream_keeps_the_program(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100")
    await output.until_out(b"ready\n")
    await running.aclose()
    async with asyncio.timeout(TIMEOUT):
        assert any("sleep 100" in line for line in await rig.processes())
        assert await running.end(END)
    assert await rig.processes() == []
