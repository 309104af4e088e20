"""The listening socket, with real connections."""

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from tests.door import Door, open_door
from tests.engines import eventually
from whale.engine.fake import FakeEngine
from whale.gateway import site as module
from whale.gateway.context import CONTEXT
from whale.gateway.site import DoorSite
from whale.gateway.unauthenticated import ConnectionLimits, Unauthenticated

FEW = ConnectionLimits(overall=100, per_address=3)


async def knock(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and say nothing."""
    waiting = len(door.app[CONTEXT].unauthenticated)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    await eventually(lambda: len(door.app[CONTEXT].unauthenticated) != waiting or waiting >= 3, "the connection")
    return reader, writer


async def test_who_says_nothing_makes_room_and_nobody_is_turned_away(engine: FakeEngine, tmp_path: Path) -> None:
    async with open_door(engine, tmp_path, limits=FEW) as door:
        silent = [await knock(door) for _ in range(3)]
        async with aiohttp.ClientSession(headers=door.headers) as client:
            for _ in range(2):
                async with client.get(door.url + "/1.0/version", headers={"Connection": "close"}) as answer:
                    assert answer.status == 200
        async with asyncio.timeout(5):
            assert await silent[0][0].read() == b"", "the oldest was closed"
        assert not silent[2][0].at_eof()
        assert door.app[CONTEXT].unauthenticated.cut == 1
        for _, writer in silent:
            writer.close()


async def test_who_was_let_in_keeps_the_connection(engine: FakeEngine, tmp_path: Path) -> None:
    async with open_door(engine, tmp_path, limits=FEW) as door:
        async with aiohttp.ClientSession(headers=door.headers) as client:
            async with client.get(door.url + "/1.0/version") as answer:
                assert answer.status == 200
            assert len(door.app[CONTEXT].unauthenticated) == 0
            silent = [await knock(door) for _ in range(5)]
            async with client.get(door.url + "/1.0/version") as answer:
                assert answer.status == 200
        for _, writer in silent:
            writer.close()
        await eventually(lambda: len(door.app[CONTEXT].unauthenticated) == 0, "nobody is left")


async def test_who_was_refused_is_not_let_in(engine: FakeEngine, tmp_path: Path) -> None:
    async with open_door(engine, tmp_path, limits=FEW) as door, aiohttp.ClientSession() as client:
        foreign = {**door.headers, "Origin": "https://evil.example"}
        for headers, status in (({}, 401), (foreign, 403)):
            async with client.get(door.url + "/1.0/version", headers=headers) as answer:
                assert answer.status == status
            assert len(door.app[CONTEXT].unauthenticated) == 1


async def test_a_tls_handshake_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_TIMEOUT", 0.2)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    site = DoorSite(runner, "127.0.0.1", 0, tls=tls, unauthenticated=Unauthenticated())
    await site.start()
    assert site.name == "https://127.0.0.1:0"
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await runner.cleanup()
