import asyncio
from pathlib import Path

import pytest

from tests.unit.engine.docker.upgrades import GO, Owner, Upgrades
from whale.engine.docker.answer import MAX_HEAD
from whale.engine.docker.dial import parse_address
from whale.engine.docker.notes import Notes
from whale.engine.docker.stream import open_stream
from whale.model.errors import EngineError, EngineUnavailable, TargetError, WhaleError
from whale.model.limits import MIB


@pytest.fixture(params=["tcp", "unix"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the engine listens: both kinds of stream do the same."""
    return tmp_path / "s" if request.param == "unix" else None


async def test_bytes_behind_the_head_and_after_it_arrive(path: Path | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO[:20])
        await asyncio.sleep(0.01)
        writer.write(GO[20:] + b"first ")
        await asyncio.sleep(0.01)
        writer.write(b"second")

    owner = Owner()
    async with Upgrades(path, serve) as server:
        stream = await server.open(owner)
        assert await owner.ended is None
    assert owner.data == b"first second"
    assert server.request.startswith(b"POST /exec/1/start HTTP/1.1\r\n")
    assert b"Upgrade: tcp\r\n" in server.request
    assert server.request.endswith(b"\r\n\r\n{}")
    stream.write(b"too late", source=0)
    stream.half_close()
    stream.pause()
    stream.resume()
    assert stream.pending == 0
    stream.close()


async def test_half_close_then_output(path: Path | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        writer.write(b"got " + await reader.read())

    owner = Owner()
    async with Upgrades(path, serve) as server:
        stream = await server.open(owner)
        stream.write(b"input", source=0)
        stream.half_close()
        assert await owner.ended is None
    assert owner.data == b"got input"
    stream.close()


async def test_pausing_holds_and_draining_is_told(path: Path | None) -> None:
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await go_on.wait()
        writer.write(b"out")
        await reader.readexactly(4 * MIB)

    owner = Owner()
    async with Upgrades(path, serve) as server:
        stream = await server.open(owner)
        stream.pause()
        stream.pause()
        stream.write(bytes(4 * MIB), source=0)
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


async def test_after_close_the_owner_hears_nothing(path: Path | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await reader.read()

    owner = Owner()
    async with Upgrades(path, serve) as server:
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
async def test_any_other_answer_is_an_error(
    path: Path | None, answer: bytes, kind: type[WhaleError], code: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    owner = Owner()
    async with Upgrades(path, serve) as server:
        with pytest.raises(kind) as caught:
            await server.open(owner)
    assert caught.value.code.startswith(code)
    assert not owner.ended.done()


@pytest.mark.parametrize("url", ["unix:///nobody/there", "tcp://127.0.0.1:1"])
async def test_nobody_there(url: str) -> None:
    dial = parse_address(url).dial
    buffer = memoryview(bytearray(10))
    with pytest.raises(EngineUnavailable):
        await open_stream(dial, "/x", b"", owner=Owner(), buffer=buffer, notes=Notes(), has_input=True)


async def test_a_cancelled_start_leaves_no_connection(path: Path | None) -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with Upgrades(path, serve) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.open(Owner())
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_reset_over_tcp_is_a_cut() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO + b"some")
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        writer.transport.abort()

    owner = Owner()
    async with Upgrades(None, serve) as server:
        stream = await server.open(owner)
        stream.write(bytes(MIB), source=0)
        assert isinstance(await owner.ended, ConnectionResetError)
    assert owner.data == b"some"
    stream.close()


async def test_over_tcp_sources_are_counted_and_nothing_can_be_kept() -> None:
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO)
        await go_on.wait()
        await reader.readexactly(32 * MIB + 5)

    owner = Owner()
    async with Upgrades(None, serve) as server:
        stream = await server.open(owner)
        stream.write(b"\n", source=None)
        assert stream.delivered(0) == 0
        stream.write(b"first", source=3)
        assert (stream.delivered(3), stream.delivered(7)) == (5, 0)
        stream.write(bytes(32 * MIB), source=7)
        assert 0 < stream.delivered(7) < 32 * MIB
        go_on.set()
        await owner.drained.wait()
        assert stream.delivered(7) == 32 * MIB
        assert stream.descriptors() == ()
        await owner.ended
        stream.write(b"nobody reads this", source=3)
        assert stream.delivered(3) == 22
    stream.close()
