"""An engine of a few lines on a socket, and who owns the stream from it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from whale.engine.docker.dial import parse_address
from whale.engine.docker.notes import Notes
from whale.engine.docker.stream import READ_BUFFER, EngineStream, open_stream

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GO = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class Owner:
    """Keeps what it is told."""

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


class Upgrades:
    """Takes requests that turn into streams. Without a path it listens on TCP."""

    def __init__(self, path: Path | None, serve: Serve) -> None:
        self.url = f"unix://{path}"
        self.request = b""
        self._path = path
        self._serve = serve
        self._served: list[asyncio.Task[None] | None] = []

    async def __aenter__(self) -> "Upgrades":
        if self._path:
            self._server: asyncio.Server = await asyncio.start_unix_server(self._handle, self._path)
        else:
            self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
            self.url = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*(task for task in self._served if task), return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        self.request = head + await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
        await self._serve(reader, writer)
        writer.close()

    async def open(self, owner: Owner, *, notes: Notes | None = None, has_input: bool = True) -> EngineStream:
        return await open_stream(
            parse_address(self.url).dial,
            "/exec/1/start",
            b"{}",
            owner=owner,
            buffer=memoryview(bytearray(READ_BUFFER)),
            notes=notes or Notes(),
            has_input=has_input,
        )
