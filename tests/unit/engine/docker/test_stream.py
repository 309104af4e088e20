import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from whale.engine.docker.dial import parse_address
from whale.engine.docker.stream import MAX_HEAD, READ_BUFFER, HijackedStream, open_stream
from whale.model.errors import EngineError, EngineUnavailable, TargetError, WhaleError
from whale.model.limits import MIB

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GO = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class Owner:
    def __init__(self) -> None:
        self.data = b""
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.drained = asyncio.Event()

    def bytes_received(self, data: memoryview) -> None:
        self.data += data

    def stream_ended(self, error: Exception | None) -> None:
        self.ended.set_result(error)

    def stdin_drained(self) -> None:
        self.drained.set()


class Server:
    """An engine of a few lines."""

    def __init__(self, path: Path, serve: Serve) -> None:
        self.path = path
        self.request = b""
        self._serve = serve

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_unix_server(self._handle, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.request = head + await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
        await self._serve(reader, writer)
        writer.close()

    async def open(self, owner: Owner) -> HijackedStream:
        address = parse_address(f"unix://{self.path}")
        buffer = memoryview(bytearray(READ_BUFFER))
        return await open_stream(address.dial, "/exec/1/start", b"{}", owner=owner, buffer=buffer)


async def test_bytes_behind_the_head_and_after_it_arrive(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO[:20])
        await asyncio.sleep(0.01)
        writer.write(GO[20:] + b"first ")
        await asyncio.sleep(0.01)
        writer.write(b"second")

    owner = Owner()
    async with Server(tmp_path / "s", serve) as server:
        stream = await server.open(owner)
        assert await owner.ended is None
    assert owner.data == b"first second"
    assert server.request.startswith(b"POST /exec/1/start HTTP/1.1\r\n")
    assert b"Upgrade: tcp\r\n" in server.request
    assert server.request.endswith(b"\r\n\r\n{}")
    stream.write(b"too late")
    stream.half_close()
    stream.pause()
    stream.resume()
    assert stream.pending == 0
    stream.close()


async def test_half_close_then_output(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        writer.write(b"got " + await reader.read())

    owner = Owner()
    async with Server(tmp_path / "s", serve) as server:
        stream = await server.open(owner)
        stream.write(b"input")
        stream.half_close()
        assert await owner.ended is None
    assert owner.data == b"got input"
    stream.close()


async def test_pausing_holds_and_draining_is_told(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await go_on.wait()
        writer.write(b"out")
        await reader.readexactly(4 * MIB)

    owner = Owner()
    async with Server(tmp_path / "s", serve) as server:
        stream = await server.open(owner)
        stream.pause()
        stream.pause()
        stream.write(bytes(4 * MIB))
        assert stream.pending > 0
        go_on.set()
        await owner.drained.wait()
        assert stream.pending == 0
        await asyncio.sleep(0.02)
        assert owner.data == b""
        stream.resume()
        assert await owner.ended is None
    assert owner.data == b"out"
    stream.close()


async def test_output_is_whole_when_the_engine_closes_with_input_unread(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GO + bytes(100_000))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    owner = Owner()
    async with Server(tmp_path / "s", serve) as server:
        stream = await server.open(owner)
        stream.pause()
        stream.write(bytes(4 * MIB))
        await asyncio.sleep(0.15)
        stream.write(bytes(4 * MIB))
        assert stream.pending == 0
        stream.resume()
        assert await owner.ended is None
    assert len(owner.data) == 100_000
    stream.close()


async def test_after_close_the_owner_hears_nothing(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await reader.read()

    owner = Owner()
    async with Server(tmp_path / "s", serve) as server:
        stream = await server.open(owner)
        stream.close()
        stream.close()
        await asyncio.sleep(0.02)
    assert not owner.ended.done()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n" + b'{"message":"no such exec"}',
            TargetError,
            "target",
        ),
        (b"HTTP/1.1 409 Conflict\r\nContent-Length: 9\r\n\r\nis paused", TargetError, "target.paused"),
        (b"HTTP/1.1 500 Oh\r\n\r\n", EngineError, "engine.failed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", EngineError, "engine.failed"),
        (b"HTTP/1.1 abc\r\n\r\n", EngineError, "engine.failed"),
        (b"x" * (MAX_HEAD + 1), EngineError, "engine.failed"),
        (b"HTTP/1.1 404 No", EngineUnavailable, "engine.unavailable"),
        (b"", EngineUnavailable, "engine.unavailable"),
    ],
)
async def test_any_other_answer_is_an_error(tmp_path: Path, answer: bytes, kind: type[WhaleError], code: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    owner = Owner()
    async with Server(tmp_path / "s", serve) as server:
        with pytest.raises(kind) as caught:
            await server.open(owner)
    assert caught.value.code.startswith(code)
    assert not owner.ended.done()


async def test_nobody_there(tmp_path: Path) -> None:
    address = parse_address(f"unix://{tmp_path}/nobody")
    with pytest.raises(EngineUnavailable):
        await open_stream(address.dial, "/x", b"", owner=Owner(), buffer=memoryview(bytearray(10)))


async def test_a_cancelled_start_leaves_no_connection(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with Server(tmp_path / "s", serve) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.open(Owner())
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_reset_over_tcp_is_a_cut() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(GO + b"some")
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        writer.transport.abort()

    tcp = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = tcp.sockets[0].getsockname()[1]
    owner = Owner()
    buffer = memoryview(bytearray(READ_BUFFER))
    dial = parse_address(f"tcp://127.0.0.1:{port}").dial
    stream = await open_stream(dial, "/x", b"{}", owner=owner, buffer=buffer)
    stream.write(bytes(MIB))
    assert isinstance(await owner.ended, ConnectionResetError)
    assert owner.data == b"some"
    stream.close()
    tcp.close()
