"""One door to a fake engine per test."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.door import Door, open_door
from whale.engine.fake import FakeEngine
from whale.gateway.websocket import WebSocket


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
