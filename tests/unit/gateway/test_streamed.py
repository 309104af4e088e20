"""A body that comes in pieces ends whole, or is seen to be cut."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.engines import eventually
from whale.broker.readers import End
from whale.gateway import streamed
from whale.gateway.errors import error_response
from whale.gateway.streamed import Form, stream
from whale.model.errors import AccessDenied, WhaleError

FORM = Form("text/plain", heartbeat=b"#\n", last_words=lambda error: f"!{error.code}\n".encode())
ends: list[End] = []
answered: list[bool] = []


@contextmanager
def reading(on_end: End) -> Iterator[None]:
    ends.append(on_end)
    yield
    ends.remove(on_end)


@pytest.fixture(autouse=True)
def nobody_reads() -> Iterator[None]:
    ends.clear()
    answered.clear()
    yield
    assert not ends


Make = Callable[[], AsyncGenerator[bytes, None]]


@asynccontextmanager
async def served(make: Make, form: Form = FORM, *, has_little_room: bool = False) -> AsyncIterator[tuple[str, int]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if has_little_room:
            assert request.transport is not None
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        try:
            response = await stream(request, make(), reading, form)
            answered.append(True)
            return response
        except WhaleError as error:
            return error_response(error)

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/", port
    finally:
        await runner.cleanup()


async def rest_of(answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """What comes of a body, and whether it was whole."""
    seen = b""
    try:
        async for piece in answer.content.iter_any():
            seen += piece
    except aiohttp.ClientPayloadError:
        return seen, False
    return seen, True


async def body(make: Make, form: Form = FORM) -> tuple[int, bytes, bool]:
    """Status, body, and whether it was whole."""
    async with served(make, form) as (url, _), aiohttp.ClientSession() as client, client.get(url) as answer:
        return (answer.status, *await rest_of(answer))


async def test_pieces_come_in_order_and_end() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for number in range(100):
            yield b"%d," % number

    assert await body(pieces) == (200, b"".join(b"%d," % n for n in range(100)), True)


async def test_nothing_is_an_empty_body() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for piece in [b""][:0]:
            yield piece

    assert await body(pieces) == (200, b"", True)


async def test_an_error_before_the_first_piece_is_an_answer() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        if not ends:
            yield b""
        raise AccessDenied("no")

    status, said, _ = await body(pieces)
    assert status == 403
    assert b"access.denied" in said


async def test_an_error_in_the_midst_is_said_and_cuts() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one\n"
        raise AccessDenied("no")

    assert await body(pieces) == (200, b"one\n!access.denied\n", False)
    assert await body(pieces, Form("text/plain")) == (200, b"one\n", False)


async def test_what_says_nothing_gets_its_head_and_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "FIRST_PATIENCE", 0.01)
    monkeypatch.setattr(streamed, "HEARTBEAT_INTERVAL", 0.01)
    go_on = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        await go_on.wait()
        yield b"end"

    async with served(pieces) as (url, _), aiohttp.ClientSession() as client, client.get(url) as answer:
        assert await answer.content.readexactly(4) == b"#\n#\n"
        go_on.set()
        assert (await answer.content.read()).lstrip(b"#\n") == b"end"


async def test_without_a_heartbeat_a_reader_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "FIRST_PATIENCE", 0.01)
    monkeypatch.setattr(streamed, "HEARTBEAT_INTERVAL", 0.01)
    closed = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            closed.set()

    async with served(pieces, Form("text/plain")) as (url, _), aiohttp.ClientSession() as client:
        answer = await client.get(url)
        answer.close()
        async with asyncio.timeout(5):
            await closed.wait()


async def test_who_may_not_read_any_more_is_told_and_cut() -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one\n"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with served(pieces) as (url, _), aiohttp.ClientSession() as client, client.get(url) as answer:
        assert await answer.content.readexactly(4) == b"one\n"
        ends[0](AccessDenied("no more", code="access.withdrawn"))
        assert await rest_of(answer) == (b"!access.withdrawn\n", False)
    assert closed.is_set()


async def test_who_does_not_read_is_cut_too() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"x" * 65_536

    async with served(pieces) as (_, port):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", port))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await eventually(lambda: bool(ends), "a reader")
            began = asyncio.get_running_loop().time()
            ends[0](AccessDenied("no more", code="access.withdrawn"))
            await eventually(lambda: not ends, "the end")
            assert asyncio.get_running_loop().time() - began < 2


async def test_the_last_words_come_behind_what_waits_to_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "LAST_PATIENCE", 60.0)

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"x" * 60_000  # more than the sockets hold, and less than is waited for
        raise AccessDenied("no")

    async with served(pieces, has_little_room=True) as (_, port):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", port))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await eventually(lambda: answered == [True], "the end of the handler")
            sock.setblocking(False)
            seen = b""
            while piece := await asyncio.get_running_loop().sock_recv(sock, 4096):
                seen = seen[-100:] + piece
    assert seen.endswith(b"!access.denied\n\r\n")
