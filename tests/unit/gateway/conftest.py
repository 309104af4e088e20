"""One door to a fake engine per test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from tests.door import Door, open_door
from whale.engine.fake import FakeEngine
from whale.gateway.websocket import WebSocket

ON_BOTH_LOOPS = ("test_intake.py", "test_site.py", "test_streamed.py", "test_websocket.py")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what handles transports on both loops, because they differ there, and everything else on asyncio's own."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    return loops | {"uvloop": uvloop.new_event_loop} if item.path.name in ON_BOTH_LOOPS else loops


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[WebSocket]:
    """The server's ends of all connections. Little fits into one whose client does not read."""
    begun: list[WebSocket] = []
    real = WebSocket._begin

    def begin(self: WebSocket) -> None:
        real(self)
        begun.append(self)
        assert self._transport is not None
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    monkeypatch.setattr(WebSocket, "_begin", begin)
    return begun


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    made = FakeEngine.from_url("fake://web,db", name="local")
    yield made
    await made.aclose()


@pytest.fixture
async def door(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(engine, tmp_path / "state", origins=frozenset({"https://whale.example"})) as opened:
        yield opened
