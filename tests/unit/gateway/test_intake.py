"""The way of bytes from a socket, on both event loops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.engines import eventually
from whale.gateway.intake import READ_BUFFER, SMALL, Intake


class Framework(asyncio.Protocol):
    """Remembers what it was told, and how much of it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.received = 0

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    def eof_received(self) -> None:
        self.told.append("end")

    def pause_writing(self) -> None:
        self.told.append("full")

    def resume_writing(self) -> None:
        self.told.append("room")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")


@asynccontextmanager
async def taken_over(
    framework: Framework, feed: Callable[[bytes | memoryview], object]
) -> AsyncIterator[tuple[socket.socket, asyncio.Transport]]:
    """The far end of a connection, and the near one's transport."""
    far, near = socket.socketpair()
    with far:
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: framework, near)
        far.send(b"before")
        await eventually(lambda: framework.received == 6, "received by the framework")
        Intake(feed, framework).take_over(transport)
        yield far, transport
        transport.abort()
        await eventually(lambda: framework.told[-1:] == ["lost"], "told of the end")


async def test_bytes_come_here_and_not_to_the_framework() -> None:
    framework, got, kinds = Framework(), bytearray(), set[type]()

    def feed(data: bytes | memoryview) -> None:
        kinds.add(type(data))
        assert isinstance(data, memoryview) == (len(data) > SMALL)
        got.extend(data)

    sent = bytes(range(256)) * 4096
    async with taken_over(framework, feed) as (far, _):
        far.send(b"few")
        await eventually(lambda: got == b"few", "fed")
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().sock_sendall(far, sent)
        await eventually(lambda: got == b"few" + sent, "fed")
    assert kinds == {bytes, memoryview}
    assert framework.received == 6


async def test_what_is_not_about_bytes_goes_on_to_the_framework() -> None:
    framework = Framework()
    async with taken_over(framework, lambda _data: None) as (far, transport):
        transport.set_write_buffer_limits(high=1000)
        transport.write(bytes(8_000_000))
        await eventually(lambda: framework.told == ["full"], "told that it is full")

        def drain() -> bool:
            try:
                while far.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass
            return framework.told == ["full", "room"]

        await eventually(drain, "told of the room")
        far.shutdown(socket.SHUT_WR)
        await eventually(lambda: "end" in framework.told, "told of the other end's end")


@pytest.mark.parametrize("size", [1, SMALL, SMALL + 1, len(READ_BUFFER)])
def test_what_is_small_may_be_kept(size: int) -> None:
    kept = list[bytes | memoryview]()
    intake = Intake(kept.append, Framework())
    intake.get_buffer(-1)[:size] = b"a" * size
    intake.buffer_updated(size)
    intake.get_buffer(-1)[:size] = b"b" * size
    assert bytes(kept[0]) == (b"a" if size <= SMALL else b"b") * size
