import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.unit.engine.docker.stand_in import stand_in
from whale.engine.docker.client import EngineClient
from whale.engine.docker.dial import parse_address
from whale.engine.docker.logs import stream_logs
from whale.model.errors import EngineError, EngineUnavailable, TargetError
from whale.model.exec import Stream
from whale.model.ids import ContainerId

SCRIPT = ("/bin/sh", "-c", "echo one; echo two >&2; sleep 1000000")


async def collect(client: EngineClient, container: ContainerId, *, tail: int | None = None) -> dict[Stream, bytes]:
    found = {Stream.STDOUT: b"", Stream.STDERR: b""}
    async for stream, data in stream_logs(client, container, follow=False, tail=tail):
        found[stream] += data
    return found


async def until_logged(client: EngineClient, container: ContainerId) -> dict[Stream, bytes]:
    async with asyncio.timeout(20):
        while b"two" not in b"".join((found := await collect(client, container)).values()):
            await asyncio.sleep(0.02)
    return found


async def test_streams_stay_apart_and_tail(client: EngineClient, docker: TestEngine) -> None:
    with docker.container(command=SCRIPT) as box:
        assert await until_logged(client, box) == {Stream.STDOUT: b"one\n", Stream.STDERR: b"two\n"}
        assert sum(len(data) for data in (await collect(client, box, tail=1)).values()) == 4
        assert await collect(client, box, tail=0) == {Stream.STDOUT: b"", Stream.STDERR: b""}


async def test_a_terminal_has_one_stream(client: EngineClient, docker: TestEngine) -> None:
    with docker.container(tty=True, command=SCRIPT) as box:
        assert await until_logged(client, box) == {Stream.STDOUT: b"one\r\ntwo\r\n", Stream.STDERR: b""}


async def test_following_gives_what_comes_and_ends_with_the_container(client: EngineClient, docker: TestEngine) -> None:
    script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.1; done"
    with docker.container(command=("/bin/sh", "-c", script)) as box:
        text = b""
        async for _, data in stream_logs(client, box, follow=True, tail=None):
            text += data
            if b"line 2\n" in text:
                await asyncio.to_thread(docker.api.call, "POST", f"/containers/{box}/stop?t=0")
        assert text.startswith(b"line 0\nline 1\nline 2\n")


async def test_a_reader_that_stops_lets_go(client: EngineClient, docker: TestEngine) -> None:
    with docker.container(command=("/bin/sh", "-c", "yes; sleep 1")) as box:
        async with aclosing(stream_logs(client, box, follow=True, tail=0)) as pieces:
            assert (await anext(pieces))[0] is Stream.STDOUT


async def test_no_container(client: EngineClient) -> None:
    with pytest.raises(TargetError):
        await collect(client, ContainerId("f" * 64))


@pytest.mark.parametrize(
    ("body", "kind"), [(b"\x01\0\0\0\0\0\0\x09half", EngineUnavailable), (b"\x09" * 16, EngineError)]
)
async def test_a_log_that_breaks_is_an_error(tmp_path: Path, body: bytes, kind: type[EngineError]) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/containers/c1/json"] = (200, {"Id": "c1", "Config": {"Tty": False}})
        engine.routes["/logs"] = (200, body)
        client = EngineClient(parse_address(engine.url), "x")
        with pytest.raises(kind):
            await collect(client, ContainerId("c1"))
        await client.aclose()
