"""A stand-in for an engine that says things no real one says on demand: a small HTTP server on a unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Answer = tuple[int, object]
VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10", "Components": []}
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class StandIn:
    """Answers by `routes`: the end of a path → status and JSON, a list of them for one call after another."""

    def __init__(self) -> None:
        self.url = ""
        self.routes: dict[str, Answer | list[Answer]] = {"/version": (200, VERSION)}
        self.raw: dict[str, Raw] = {}
        """The end of a path → who serves the connection from there on."""
        self.requests: list[str] = []
        self.bodies: list[bytes] = []

    def answer(self, path: str) -> Answer:
        for end, found in self.routes.items():
            if path.endswith(end):
                if isinstance(found, list):
                    return found.pop(0) if len(found) > 1 else found[0]
                return found
        return 404, {"message": "page not found"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split(" ", 2)
            path = target.partition("?")[0]
            self.requests.append(f"{method} {target}")
            size = next((int(x.split(":")[1]) for x in head.split("\r\n") if x.lower().startswith("content-length")), 0)
            self.bodies.append(await reader.readexactly(size))
            for end, serve in self.raw.items():
                if path.endswith(end):
                    await serve(reader, writer)
                    return
            status, body = self.answer(path)
            data = json.dumps(body).encode() if not isinstance(body, bytes) else body
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            )
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def stand_in(directory: Path) -> AsyncIterator[StandIn]:
    """Run a stand-in."""
    made = StandIn()
    path = directory / "engine.sock"
    made.url = f"unix://{path}"
    server = await asyncio.start_unix_server(made.serve, path)
    try:
        yield made
    finally:
        server.close()
