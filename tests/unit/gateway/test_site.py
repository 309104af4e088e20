"""The listening socket, with real connections."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

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

AUTHORITY = trustme.CA()
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


@asynccontextmanager
async def tls_door(unauthenticated: Unauthenticated, host: str = "127.0.0.1") -> AsyncIterator[tuple[DoorSite, int]]:
    """A door with TLS, whose requests all get a 404."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    site = DoorSite(runner, host, 0, tls=tls, unauthenticated=unauthenticated)
    await site.start()
    async with site.accepting():
        yield site, runner.addresses[0][1]
    await runner.cleanup()


async def ask(port: int) -> int:
    """Make a request over a new connection and return the status."""
    trust = ssl.create_default_context()
    AUTHORITY.configure_trust(trust)
    async with aiohttp.ClientSession() as client, client.get(f"https://127.0.0.1:{port}/", ssl=trust) as answer:
        return answer.status


async def test_a_tls_handshake_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_TIMEOUT", 0.2)
    unauthenticated = Unauthenticated()
    async with tls_door(unauthenticated) as (site, port):
        assert site.name == "https://127.0.0.1:0"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert len(unauthenticated) == 0


async def test_tls_handshakes_in_flight_make_room() -> None:
    unauthenticated = Unauthenticated(FEW)
    async with tls_door(unauthenticated) as (_, port):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        await eventually(lambda: unauthenticated.cut == 7, "cut")
        async with asyncio.timeout(5):
            for reader, _ in silent[:7]:
                assert await reader.read() == b""
        assert len(unauthenticated) == 3
        assert not any(reader.at_eof() for reader, _ in silent[7:])
        assert await ask(port) == 404
        await eventually(lambda: unauthenticated.cut == 8, "one more, and who asked has a place while that takes")
        for _, writer in silent:
            writer.close()
        await eventually(lambda: len(unauthenticated) == 0, "nobody is left")


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff", b""])
async def test_what_is_no_handshake_is_closed_and_harms_nobody(first: bytes) -> None:
    unauthenticated = Unauthenticated()
    async with tls_door(unauthenticated) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await eventually(lambda: len(unauthenticated) == 1, "accepted")
        writer.write(first)
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        await eventually(lambda: len(unauthenticated) == 0, "closed")
        assert await ask(port) == 404


async def test_no_failure_of_a_handshake_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.connect_accepted_socket
    failing: list[Exception] = [RuntimeError("no"), ValueError("nor this")]

    async def fails(factory: Callable[[], asyncio.Protocol], sock: socket.socket, **options: Any) -> object:
        if failing:
            sock.close()
            raise failing.pop()
        return await connect(factory, sock, **options)

    monkeypatch.setattr(loop, "connect_accepted_socket", fails)
    unauthenticated = Unauthenticated()
    async with tls_door(unauthenticated) as (_, port):
        while failing:
            with pytest.raises(aiohttp.ClientError):
                await ask(port)
        assert await ask(port) == 404
        await eventually(lambda: len(unauthenticated) == 0, "nobody is left")


async def test_what_is_in_flight_is_cut_when_the_door_closes() -> None:
    unauthenticated = Unauthenticated()
    async with tls_door(unauthenticated) as (site, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await eventually(lambda: len(unauthenticated) == 1, "accepted")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    assert len(unauthenticated) == 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert [each.fileno() for each in site._sockets] == [-1]


async def test_a_name_may_have_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def two(*_: object, **__: object) -> Sequence[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")] * 2

    monkeypatch.setattr(loop, "getaddrinfo", two)
    unauthenticated = Unauthenticated()
    async with tls_door(unauthenticated, "several.example") as (site, _):
        assert [each.getsockname()[0] for each in site._sockets] == ["127.0.0.1", "127.0.0.2"]
        for each in site._sockets:
            _, writer = await asyncio.open_connection(*each.getsockname())
            await eventually(lambda: len(unauthenticated) == 1, "accepted")
            writer.close()
            await eventually(lambda: len(unauthenticated) == 0, "gone")


async def test_addresses_that_the_machine_has_not_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["192.0.2.1", "127.0.0.1"]

    async def found(*_: object, **__: object) -> Sequence[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in hosts]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    async with tls_door(Unauthenticated(), "several.example") as (site, _):
        assert [each.getsockname()[0] for each in site._sockets] == ["127.0.0.1"]
    del hosts[1]
    with pytest.raises(OSError, match="assign") as failed:
        async with tls_door(Unauthenticated(), "several.example"):
            raise AssertionError
    assert failed.value.errno == errno.EADDRNOTAVAIL


async def test_without_descriptors_clients_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    loop = asyncio.get_running_loop()
    accept = loop.sock_accept
    failing = [ConnectionAbortedError(), OSError(errno.EMFILE, "too many open files")] * 3

    async def fails(listening: socket.socket) -> tuple[socket.socket, object]:
        if failing:
            raise failing.pop()
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", fails)
    async with tls_door(Unauthenticated()) as (_, port):
        assert await ask(port) == 404
    assert not failing


async def test_keys_are_not_held_back(engine: FakeEngine, tmp_path: Path) -> None:
    nodelay: list[int] = []

    async def made(request: web.Request) -> web.Response:
        assert request.transport is not None
        nodelay.append(request.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", made)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = DoorSite(runner, "127.0.0.1", 0, unauthenticated=Unauthenticated())
    await site.start()
    async with site.accepting(), aiohttp.ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as answer:
            assert answer.status == 200
    await runner.cleanup()
    assert all(nodelay)
    assert nodelay
