"""Both ways to what an earlier server left, on a real engine."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.engines import Recorder, TestEngine, eventually
from tests.unit.engine.docker.stand_in import stand_in
from whale.engine.docker import leftovers as room
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.client import EngineClient
from whale.engine.docker.dial import parse_address
from whale.engine.docker.leftovers import Leftovers
from whale.engine.docker.processes import Processes
from whale.engine.seam import EndPolicy, Exec
from whale.model.container import Container
from whale.model.errors import EngineUnavailable
from whale.model.exec import ExecSpec
from whale.model.ids import SessionId, new_session_id

FAST = EndPolicy(hup=0.2, term=0.2, kill=5.0)
SERVER = f"server-{os.getpid()}"
OTHER = f"other-{os.getpid()}"


def nobody(mark: str) -> bool:
    return False


class Earlier:
    """An earlier server."""

    def __init__(self, docker: TestEngine, server: str) -> None:
        self.server = server
        self._engine = DockerEngine(parse_address(docker.url), name="x", server=server)
        self._execs: list[Exec] = []

    async def start(self, box: Container, script: str, *, user: str = "") -> SessionId:
        """Start a session, and leave it as it is when it says that it is ready."""
        session, output = new_session_id(), Recorder()
        spec = ExecSpec(command=("sh", "-c", script), user=user)
        self._execs.append(await self._engine.start_exec(box.id, spec, session=session, output=output))
        await output.until_out(b"ready\n")
        return session

    async def aclose(self) -> None:
        for running in self._execs:
            await running.end(FAST)
            await running.aclose()
        await self._engine.aclose()


@pytest_asyncio.fixture
async def earlier(docker: TestEngine) -> AsyncIterator[Earlier]:
    made = Earlier(docker, SERVER)
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def other(docker: TestEngine) -> AsyncIterator[Earlier]:
    made = Earlier(docker, OTHER)
    yield made
    await made.aclose()


@pytest.fixture(params=["here", "there"])
def leftovers(request: pytest.FixtureRequest, docker: TestEngine, client: EngineClient) -> Iterator[Leftovers]:
    """By this machine's process table, and by a script as if the engine were elsewhere."""
    dial = parse_address(docker.url).dial
    processes = Processes(client, dial, memoryview(bytearray(65536)), may_use_host=request.param == "here")
    yield Leftovers(client, processes, server=SERVER)
    processes.close()


@pytest.fixture
def outside() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of this machine that bears a mark of the server's, and is in no container."""
    mark = f"{SERVER}.{new_session_id()}"
    made = subprocess.Popen(["sleep", "97532"], env={"PATH": os.environ["PATH"], "WHALE_SESSION": mark})
    yield made
    made.kill()
    made.wait()


def commands(docker: TestEngine, box: Container) -> list[str]:
    return sorted(line for line in docker.processes(box.id) if line.startswith("sleep"))


async def test_a_session_is_ended_with_all_it_has(
    leftovers: Leftovers, earlier: Earlier, dev: Container, docker: TestEngine
) -> None:
    await earlier.start(dev, "setsid sleep 201 & trap '' HUP TERM; echo ready; sleep 202; sleep 203")
    await eventually(lambda: len(commands(docker, dev)) == 2, "running")
    assert await leftovers.end(nobody, FAST) == 1
    assert commands(docker, dev) == []
    assert await leftovers.find() == []


async def test_everybody_elses_processes_live_on(
    leftovers: Leftovers,
    earlier: Earlier,
    other: Earlier,
    box: Container,
    docker: TestEngine,
    outside: "subprocess.Popen[bytes]",
) -> None:
    await earlier.start(box, "echo ready; exec sleep 301")
    alive = await earlier.start(box, "echo ready; exec sleep 302")
    await other.start(box, "echo ready; exec sleep 303")
    await earlier.start(box, "setsid sleep 304 >/dev/null 2>&1 & sleep 0.2; echo ready")
    await eventually(lambda: len(commands(docker, box)) == 4, "running")
    assert await leftovers.end(lambda mark: mark == f"{SERVER}.{alive}", FAST) == 1
    assert commands(docker, box) == ["sleep 302", "sleep 303", "sleep 304"]
    assert outside.poll() is None
    assert {tree.mark for tree in await leftovers.find()} == {f"{SERVER}.{alive}"}


async def test_a_mark_that_is_borne_outside_too_is_followed_in_the_container_only(
    earlier: Earlier, box: Container, docker: TestEngine, client: EngineClient
) -> None:
    session = await earlier.start(box, "echo ready; exec sleep 401")
    mark = f"{SERVER}.{session}"
    with subprocess.Popen(["sleep", "97533"], env={"PATH": os.environ["PATH"], "WHALE_SESSION": mark}) as outside:
        try:
            processes = Processes(client, parse_address(docker.url).dial, memoryview(bytearray(65536)))
            assert await Leftovers(client, processes, server=SERVER).end(nobody, FAST) == 1
            assert commands(docker, box) == []
            assert outside.poll() is None
            processes.close()
        finally:
            outside.kill()


async def test_sessions_of_other_users_are_found(
    leftovers: Leftovers, earlier: Earlier, box: Container, docker: TestEngine
) -> None:
    await earlier.start(box, "echo ready; exec sleep 501", user="65534:65534")
    await earlier.start(box, "echo ready; exec sleep 502", user="1234")
    assert await leftovers.end(nobody, FAST) == 2
    assert commands(docker, box) == []


async def test_a_new_server_leaves_its_own_sessions_alone(docker: TestEngine, earlier: Earlier, box: Container) -> None:
    await earlier.start(box, "echo ready; exec sleep 601")
    later = Earlier(docker, SERVER)
    await later.start(box, "echo ready; exec sleep 602")
    alive = await earlier.start(box, "echo ready; exec sleep 603")
    assert await later._engine.end_leftovers([alive], FAST) == 1
    assert commands(docker, box) == ["sleep 602", "sleep 603"]
    unnamed = DockerEngine(parse_address(docker.url), name="x")
    assert await unnamed.end_leftovers([], FAST) == 0
    await unnamed.aclose()
    await later.aclose()


async def test_what_can_t_be_looked_into_or_ended_is_said(
    leftovers: Leftovers,
    earlier: Earlier,
    docker: TestEngine,
    engine: DockerEngine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with docker.container() as made:
        box = await engine.container(made)
        await earlier.start(box, "echo ready; exec sleep 701")
        docker.api.call("POST", f"/containers/{made}/pause")
        assert await leftovers.end(nobody, EndPolicy(hup=0, term=0, kill=0.2)) == 0
        assert "could not" in caplog.text
        docker.api.call("POST", f"/containers/{made}/unpause")


async def test_a_container_that_just_went_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with stand_in(tmp_path) as server:
        server.routes["/containers/json"] = (200, [{"Id": "c1", "Names": ["/c1"]}])
        server.routes["/c1/json"] = (404, {"message": "no such container"})
        client = EngineClient(parse_address(server.url), "x")
        processes = Processes(client, parse_address(server.url).dial, memoryview(bytearray(100)))
        assert await Leftovers(client, processes, server=SERVER).end(nobody, FAST) == 0
        assert "could not look" in caplog.text
        processes.close()
        await client.aclose()


async def test_an_engine_that_is_not_there_is_an_error() -> None:
    address = parse_address("unix:///nowhere.sock")
    client = EngineClient(address, "x")
    processes = Processes(client, address.dial, memoryview(bytearray(100)))
    with pytest.raises(EngineUnavailable):
        await Leftovers(client, processes, server=SERVER).end(nobody, FAST)
    processes.close()
    await client.aclose()


async def test_it_takes_no_longer_than_it_may(
    leftovers: Leftovers,
    earlier: Earlier,
    box: Container,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await earlier.start(box, "trap '' HUP; echo ready; sleep 801; sleep 802")
    monkeypatch.setattr(room, "TIME", 0.3)
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await leftovers.end(nobody, EndPolicy(hup=30, term=0, kill=0)) == 0
    assert loop.time() - before < 10
    assert "not done after" in caplog.text
