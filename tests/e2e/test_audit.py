"""The audit trail of a real server that is killed: what was allowed to run has its event, and the chain holds."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server
from whale.audit.event import AuditEvent, Kind, decode_event
from whale.model.ids import ContainerId
from whale.server.audit import audit_table, verify

ROUNDS = 20 if os.environ.get("WHALE_SOAK") else 4
AT_ONCE = 6


def trail(state_dir: Path) -> list[AuditEvent]:
    """All events; the chain must hold."""

    async def read() -> list[AuditEvent]:
        await verify(state_dir)
        async with audit_table(state_dir) as table, table.snapshot() as snapshot:
            return [decode_event(row.body) async for row in snapshot.rows()]

    return asyncio.run(read())


def run_in(server: ServerProcess, container: str, *command: str) -> subprocess.Popen[bytes]:
    whale = str(Path(sys.executable).with_name("whale"))
    return subprocess.Popen(
        [whale, "exec", "--no-resume", container, *command],
        env=server.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_what_ran_has_its_event_whenever_the_server_is_killed(
    docker: TestEngine, container: ContainerId, tmp_path: Path
) -> None:
    chance = random.Random(47)
    with running_server(docker.url, tmp_path) as server:
        for number in range(ROUNDS):
            clients = [
                run_in(server, container, "sh", "-c", 'echo "$0" >> /tmp/ran', f"r{number}c{client}")
                for client in range(AT_ONCE)
            ]
            for client in clients[: chance.randrange(1, AT_ONCE - 1)]:
                client.wait(60)  # the others are anywhere by then
            server.kill()
            for client in clients:
                client.communicate(timeout=60)
            trail(tmp_path / "state")
            server.start()
        read = run_in(server, container, "cat", "/tmp/ran")
        ran = set(read.communicate(timeout=60)[0].decode().split())
    events = trail(tmp_path / "state")
    opened = {event.command[-1] for event in events if event.kind is Kind.OPENED}
    assert ran <= opened, "a command ran that has no event"
    assert ran, "nothing ran: the test proves nothing"
    begun = sorted(event.session for event in events if event.kind is Kind.OPENED)
    assert sorted(event.session for event in events if event.kind is Kind.ENDED) == begun, "each ends once"


WRITER = """
import asyncio, sys
from pathlib import Path
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.audit.recorder import Recorder
from whale.server.audit import audit_table

async def main():
    async with audit_table(Path(sys.argv[1])) as table:
        recorder = Recorder(table)
        async def one(lane):
            for n in range(100_000):
                name = f"{sys.argv[2]}.{lane}.{n}"
                await recorder.commit(AuditEvent(time=timestamp(0), kind=Kind.OPENED, session=name))
                print(name, flush=True)
        async with recorder.running(), asyncio.TaskGroup() as tasks:
            for lane in range(20):
                tasks.create_task(one(lane))

asyncio.run(main())
"""


def test_what_was_said_to_be_written_is_there_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(11)
    said: set[str] = set()
    for number in range(2 * ROUNDS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(number)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 1500)):
            said.add(writer.stdout.readline().strip())
        writer.kill()
        said.update(line.strip() for line in writer.stdout if line.endswith("\n"))
        writer.wait()
        writer.stdout.close()
        events = trail(tmp_path)
        assert said <= {event.session for event in events}
        assert len(events) == len({event.session for event in events}), "written twice"
