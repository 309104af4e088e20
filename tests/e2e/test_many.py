"""Many sessions at once, on a real engine: a new server has them all soon, and when they have ended nothing is left."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server, whale_server
from tests.wire_client import WireClient
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.limits import MAX_MESSAGE
from whale.wire.frames import SUBPROTOCOL

pytestmark = pytest.mark.timed

SOAK = bool(os.environ.get("WHALE_SOAK"))
LIVE = 200 if SOAK else 20
ENDED = 500 if SOAK else 35
WAYS = ("client killed", "hung up", "killed", "revoked", "container gone", "server stopped")
GRACE = 15.0
CAT = ExecSpec(command=("cat",), tty=True, stdin=True)


@pytest.fixture
def mortal(docker: TestEngine, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that may be killed."""
    with running_server(docker.url, tmp_path) as server:
        yield server


async def client(
    stack: AsyncExitStack, server: ServerProcess, *, former: WireClient | None = None, token: str = ""
) -> WireClient:
    """Connect to a server's process, for a new session or to go on with a former client's."""
    transport = await stack.enter_async_context(
        connect(
            f"ws://127.0.0.1:{server.port}/1.0/shell",
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {token or server.token}"},
            max_size=MAX_MESSAGE,
            compression=None,
        )
    )
    return WireClient(transport, going_on_with=former)


async def test_all_of_many_answer_soon_after_the_server_was_killed(
    mortal: ServerProcess, container: ContainerId
) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(LIVE):
            one = await client(stack, mortal)
            await one.open(container, CAT, attachment=f"{number:032x}")
            await one.write(b"before\n")
            await one.read_until(b"before\r\nbefore\r\n")
            clients.append(one)
        mortal.kill()
        mortal.start()
        up = time.monotonic()

        async def again(former: WireClient) -> None:
            one = await client(stack, mortal, former=former)
            await one.attach()
            await one.write(b"after\n")
            await one.read_until(b"after\r\nafter\r\n")

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            for former in clients:
                tasks.create_task(again(former))
        took = time.monotonic() - up
    print(f"{LIVE} sessions answered {took:.2f} s after the new server was up")
    assert took < 2.0


async def test_nothing_is_left_of_many_that_ended_in_every_way(
    docker: TestEngine, mortal: ServerProcess, tmp_path: Path
) -> None:
    whale = str(Path(sys.executable).with_name("whale"))
    doomed = tokens(tmp_path, "create", "doomed")
    # Background processes, one that has left the session's process group, and none that minds a HUP.
    script = "trap '' HUP; sleep 4242 & setsid sleep 4242 & sleep 4242"
    with docker.container("whale/dev", command=("/bin/sleep", "1000000")) as one, docker.container() as other:
        async with AsyncExitStack() as stack:
            for number in range(ENDED):
                way = WAYS[number % len(WAYS)]
                made = await client(stack, mortal, token=doomed if way == "revoked" else "")
                spec = ExecSpec(command=("sh", "-c", script), tty=bool(number % 2))
                await made.open(other if way == "container gone" else one, spec, attachment=f"{number:032x}")
                assert made.opened is not None
                if way == "client killed":
                    made.transport.transport.abort()
                elif way == "hung up":
                    await made.transport.close()
                elif way == "killed":
                    await asyncio.to_thread(
                        subprocess.run,
                        [whale, "kill", made.opened.session],
                        env=mortal.environment,
                        check=True,
                        stdout=subprocess.DEVNULL,
                    )
            tokens(tmp_path, "revoke", "doomed")
            docker.remove(other)
            await asyncio.sleep(3)  # longer than it may take to notice that the token is gone
            assert mortal.stop(signal.SIGUSR1) == 0
        begun = time.monotonic()
        while left := [line for line in docker.processes(one) if "4242" in line]:
            assert time.monotonic() - begun < GRACE, left
            await asyncio.sleep(0.2)


def tokens(directory: Path, *args: str) -> str:
    """Manage the server's tokens; return what the command prints."""
    command = whale_server("token", *args, state_dir=directory / "state")
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
