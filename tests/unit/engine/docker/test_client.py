import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.engines import SIZE, TestEngine
from tests.unit.engine.docker.stand_in import VERSION, StandIn, stand_in
from whale.engine.docker import client as room
from whale.engine.docker.client import EngineClient, ExecState
from whale.engine.docker.dial import parse_address
from whale.engine.docker.start import detach_keys, plan_start
from whale.model.errors import EngineError, EngineUnavailable, TargetError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId, new_session_id

SPEC = ExecSpec(command=("sleep", "0.2"), tty=True, stdin=True, user="0", env=(("A", "1"),), workdir="/etc")


async def test_a_real_engine(client: EngineClient, box_id: ContainerId, docker: TestEngine) -> None:
    info = (await client.version()).info
    assert info.kind == "docker"
    assert client.path("x").startswith("/v1.")
    assert box_id in {msgspec.json.decode(c)["Id"] for c in await client.list_containers(all=False)}
    assert (await client.inspect_container(box_id[:12]))["Id"] == box_id
    plan = plan_start(SPEC, api=(1, 41), kind="docker")
    exec_id = await client.create_exec(box_id, SPEC, plan, new_session_id())
    assert await client.inspect_exec(exec_id) == ExecState(False, None, 0)
    with pytest.raises(TargetError):
        await client.resize_exec("f" * 64, SIZE)
    assert await client.inspect_exec("f" * 64) is None


async def test_what_is_asked_of_an_exec(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/exec"] = (201, {"Id": "e1"})
        engine.routes["/resize"] = (201, {})
        client = EngineClient(parse_address(engine.url), "x")
        await client.version()
        plan = plan_start(SPEC, api=(1, 44), kind="docker")
        assert await client.create_exec(ContainerId("c1"), SPEC, plan, new_session_id()) == "e1"
        assert engine.requests[-1] == "POST /v1.41/containers/c1/exec"
        body = engine.bodies[-1]
        for part in (
            b'"A=1"',
            b'"WHALE_SESSION=',
            b'"WorkingDir": "/etc"',
            b'"detachKeys": "ctrl-@,ctrl-',
            b'"User": "0"',
        ):
            assert part in body
        assert b'"Privileged": false' in body
        await client.create_exec(ContainerId("c1"), SPEC._replace(privileged=True), plan, new_session_id())
        assert b'"Privileged": true' in engine.bodies[-1]
        await client.resize_exec("e1", SIZE)
        assert engine.requests[-1] == "POST /v1.41/exec/e1/resize?h=33&w=111"
        await client.aclose()


@pytest.mark.parametrize(
    ("newest", "oldest", "agreed"),
    [("1.41", "1.12", "v1.41"), ("1.55", "1.24", "v1.44"), ("1.60", "1.50", "v1.50")],
)
async def test_versions(tmp_path: Path, newest: str, oldest: str, agreed: str) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/version"] = (200, VERSION | {"ApiVersion": newest, "MinAPIVersion": oldest})
        client = EngineClient(parse_address(engine.url), "x")
        await client.version()
        assert client.path("y") == f"/{agreed}/y"
        asked = len(engine.requests)
        await client.version()
        assert len(engine.requests) == asked
        await client.version(again=True)
        assert len(engine.requests) == asked + 1
        engine.routes["/version"] = (200, VERSION | {"ApiVersion": "1.43"})
        client._version_until = 0.0
        await client.version()
        assert client.path("y") == "/v1.43/y"
        await client.aclose()


async def test_an_engine_that_is_too_old(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/version"] = (200, VERSION | {"ApiVersion": "1.40"})
        client = EngineClient(parse_address(engine.url), "x")
        with pytest.raises(EngineError, match="too old"):
            await client.version()
        await client.aclose()


async def test_podman_is_known_by_its_components(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/version"] = (200, VERSION | {"Components": [{"Name": "Podman Engine"}]})
        client = EngineClient(parse_address(engine.url), "x")
        assert (await client.version()).info.kind == "podman"
        await client.aclose()


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (200, {}), (200, {"ApiVersion": "new"}), (500, {"message": "no"})]
)
async def test_what_is_no_engine(tmp_path: Path, answer: tuple[int, object]) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/version"] = answer
        client = EngineClient(parse_address(engine.url), "x")
        with pytest.raises(EngineError) as caught:
            await client.version()
        assert caught.value.code == "engine.failed"
        await client.aclose()


@pytest.mark.parametrize("reference", ["", "..", "../x", "a/b", "a b", "a?b", "ü", "x" * 256])
async def test_a_reference_that_is_none_is_never_sent(tmp_path: Path, reference: str) -> None:
    async with stand_in(tmp_path) as engine:
        client = EngineClient(parse_address(engine.url), "x")
        with pytest.raises(TargetError):
            await client.inspect_container(reference)
        assert engine.requests == []
        await client.aclose()


async def test_ambiguous_prefixes(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/json"] = (400, {"message": "multiple IDs found with provided prefix: a"})
        client = EngineClient(parse_address(engine.url), "x")
        with pytest.raises(TargetError) as caught:
            await client.inspect_container("a")
        assert caught.value.code == "target.ambiguous"
        await client.aclose()


async def test_an_engine_that_does_not_answer_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PING_TIMEOUT", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with stand_in(tmp_path) as engine:
        engine.raw["/version"] = silent
        client = EngineClient(parse_address(engine.url), "x")
        with pytest.raises(EngineUnavailable):
            await client.version()
        del engine.raw["/version"]
        assert (await client.version()).info.version == "20.10"
        await client.aclose()
        await client.aclose()


async def chunks(engine: StandIn, client: EngineClient, *, tail: int | None) -> bytes:
    found = b""
    async for chunk in client.log_chunks(ContainerId("c1"), follow=False, tail=tail):
        found += chunk
    return found


async def test_logs(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        client = EngineClient(parse_address(engine.url), "x")
        engine.routes["/logs"] = (200, b"all of it")
        assert await chunks(engine, client, tail=None) == b"all of it"
        assert engine.requests[-1] == "GET /v1.41/containers/c1/logs?stdout=1&stderr=1&follow=0&tail=all"
        await chunks(engine, client, tail=7)
        assert engine.requests[-1].endswith("tail=7")
        engine.routes["/logs"] = (404, {"message": "No such container: c1"})
        with pytest.raises(TargetError):
            await chunks(engine, client, tail=None)

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            await writer.drain()

        engine.raw["/logs"] = cut
        with pytest.raises(EngineUnavailable):
            await chunks(engine, client, tail=None)
        await client.aclose()


async def test_whose_execs_run_in_a_container(tmp_path: Path) -> None:
    def state(user: str, *, running: bool = True, keys: str = "", privileged: bool = False) -> tuple[int, object]:
        keys = keys or detach_keys()
        process = {"user": user, "privileged": privileged, "tty": False}
        return 200, {"Running": running, "ExitCode": None, "Pid": 7, "DetachKeys": keys, "ProcessConfig": process}

    async with stand_in(tmp_path) as engine:
        ids = ["root", "me", "me2", "god", "ended", "foreign", "gone"]
        engine.routes["/c1/json"] = (200, {"Id": "c1", "ExecIDs": ids})
        engine.routes["/c2/json"] = (200, {"Id": "c2", "ExecIDs": None})
        engine.routes["/exec/root/json"] = state("")
        engine.routes["/exec/me/json"] = engine.routes["/exec/me2/json"] = state("me")
        engine.routes["/exec/god/json"] = state("", privileged=True)
        engine.routes["/exec/ended/json"] = state("a", running=False)
        engine.routes["/exec/foreign/json"] = state("b", keys="ctrl-p,ctrl-q")
        client = EngineClient(parse_address(engine.url), "x")
        found = await client.running_execs(ContainerId("c1"))
        assert found == [ExecSpec(), ExecSpec(user="me"), ExecSpec(privileged=True)]
        assert await client.running_execs(ContainerId("c2")) == []
        engine.routes["/exec/root/json"] = (500, {"message": "oh"})
        with pytest.raises(EngineError):
            await client.running_execs(ContainerId("c1"))
        await client.aclose()


async def test_every_call_speaks_the_agreed_version(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/version"] = (200, VERSION | {"ApiVersion": "1.50", "MinAPIVersion": "1.44"})
        engine.routes["/resize"] = (201, {})
        client = EngineClient(parse_address(engine.url), "x")
        assert await client.inspect_exec("e1") is None
        await client.aclose()
        client = EngineClient(parse_address(engine.url), "x")
        await client.resize_exec("e1", SIZE)
        await client.aclose()
        assert [r.split()[1] for r in engine.requests] == [
            "/version", "/v1.44/exec/e1/json", "/version", "/v1.44/exec/e1/resize?h=33&w=111"
        ]  # fmt: skip
