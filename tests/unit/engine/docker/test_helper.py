import pytest

from tests.engines import TestEngine, start
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.client import EngineClient
from whale.engine.docker.dial import parse_address
from whale.engine.docker.helper import Helper, _Answer
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.errors import EngineError, TargetError
from whale.model.exec import ExecSpec, Signal
from whale.model.ids import ContainerId, new_session_id

SPEC = ExecSpec()


@pytest.fixture
def helper(docker: TestEngine, client: EngineClient) -> Helper:
    return Helper(client, parse_address(docker.url).dial, memoryview(bytearray(65536)))


@pytest.fixture(params=["box", "dev"])
def place(request: pytest.FixtureRequest) -> Container:
    """Two containers whose shells have nothing in common."""
    found: Container = request.getfixturevalue(request.param)
    return found


async def test_signal_and_end(helper: Helper, engine: DockerEngine, place: Container, docker: TestEngine) -> None:
    session = new_session_id()
    running, output = await start(
        engine, place, "sh", "-c", "trap 'echo heard' USR1; echo ready; while :; do sleep 0.1; done", session=session
    )
    await output.until_out(b"ready\n")
    assert await helper.signal(place.id, SPEC, session, Signal.USR1)
    await output.until_out(b"heard\n")
    assert await helper.end(place.id, SPEC, session, "HUP", 5.0)
    assert docker.processes(place.id) == []
    assert await helper.end(place.id, SPEC, session, "HUP", 0.0)
    assert not await helper.signal(place.id, SPEC, session, Signal.USR1)
    await running.aclose()


async def test_what_resists_is_left(helper: Helper, engine: DockerEngine, place: Container) -> None:
    session = new_session_id()
    running, output = await start(
        engine, place, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done", session=session
    )
    await output.until_out(b"ready\n")
    assert not await helper.end(place.id, SPEC, session, "TERM", 0.2)
    assert await helper.end(place.id, SPEC, session, "KILL", 5.0)
    await running.aclose()


async def test_it_runs_as_the_sessions_user(helper: Helper, engine: DockerEngine, place: Container) -> None:
    session = new_session_id()
    running, output = await start(engine, place, "sh", "-c", "echo ready; sleep 100", session=session)
    await output.until_out(b"ready\n")
    nobody = ExecSpec(user="65534:65534")
    assert await helper.end(place.id, nobody, session, "KILL", 0.0), "nobody sees nothing of root's"
    assert not await helper.signal(place.id, nobody, session, Signal.KILL)
    assert not output.ended.is_set()
    assert await helper.end(place.id, SPEC, session, "KILL", 5.0)
    await running.aclose()


async def test_without_a_shell_it_finds_nothing(helper: Helper, bare: Container) -> None:
    assert not await helper.end(bare.id, SPEC, new_session_id(), "HUP", 0.0)


async def test_without_a_container_it_says_so(helper: Helper) -> None:
    with pytest.raises(TargetError):
        await helper.end(ContainerId("f" * 64), SPEC, new_session_id(), "HUP", 0.0)


async def test_a_broken_answer_is_an_error() -> None:
    answer = _Answer()
    answer.bytes_received(memoryview(b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x01!"))
    assert answer.text() == "one"
    answer.stdin_drained()
    answer.bytes_received(memoryview(b"\xff" * 8))
    answer.stream_ended(None)
    with pytest.raises(EngineError):
        await answer.ended


async def test_it_finds_the_sessions_of_one_server(helper: Helper, docker: TestEngine, place: Container) -> None:
    sessions: dict[str, set[str]] = {}
    adapters = []
    for server in ("me", "you", "me"):
        adapter = DockerEngine(parse_address(docker.url), name="x", server=server)
        session = new_session_id()
        running, output = await start(
            adapter, place, "sh", "-c", "echo ready; setsid sleep 90 & sleep 90", session=session
        )
        await output.until_out(b"ready\n")
        sessions.setdefault(server, set()).add(f"{server}.{session}")
        adapters.append((adapter, running))
    for server, expected in sessions.items():
        found = await helper.find(place.id, SPEC, server)
        assert (set(found), len(found)) == (expected, len(expected))
    assert await helper.find(place.id, ExecSpec(user="65534"), "me") == []
    for adapter, running in adapters:
        assert await running.end(EndPolicy(hup=0.1, term=0.1, kill=5.0))
        await running.aclose()
        await adapter.aclose()
