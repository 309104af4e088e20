import asyncio
import socket

from tests.engines import eventually
from whale.engine.docker.writer import SocketWriter


class Pair:
    """A connected pair: a writer on one end, a plain socket to read on the other."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.drained = 0
        self.writer = SocketWriter(self.near.fileno(), self._drained)

    def _drained(self) -> None:
        self.drained += 1

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await asyncio.get_running_loop().sock_recv(self.far, size - len(data))
        return data

    def close(self) -> None:
        self.writer.close()
        self.near.close()
        self.far.close()


async def test_what_fits_leaves_at_once() -> None:
    pair = Pair()
    pair.writer.write(b"hello")
    assert (pair.writer.pending, pair.drained) == (0, 0)
    assert pair.far.recv(10) == b"hello"
    pair.close()


async def test_the_rest_leaves_in_order_when_it_can_and_then_it_is_drained() -> None:
    pair = Pair()
    data = bytes(range(256)) * 8192
    for at in range(0, len(data), 100_000):
        pair.writer.write(data[at : at + 100_000])
    assert 0 < pair.writer.pending < len(data)
    assert await pair.read(len(data)) == data
    await eventually(lambda: pair.drained == 1, "drained")
    assert pair.writer.pending == 0
    pair.close()


async def test_half_close_comes_after_everything_and_reading_goes_on() -> None:
    pair = Pair()
    data = bytes(1_000_000)
    pair.writer.write(data)
    pair.writer.end()
    pair.writer.end()
    pair.writer.write(b"too late")
    assert await pair.read(len(data)) == data
    assert await asyncio.get_running_loop().sock_recv(pair.far, 10) == b""
    pair.far.send(b"still")
    assert pair.near.recv(10) == b"still"
    pair.close()


async def test_half_close_of_an_empty_writer_is_at_once() -> None:
    pair = Pair()
    pair.writer.end()
    assert pair.far.recv(10) == b""
    pair.close()


async def test_a_failure_ends_writing_and_leaves_what_is_there_to_be_read() -> None:
    pair = Pair()
    pair.far.send(b"last words")
    pair.writer.write(bytes(1_000_000))
    pair.far.close()
    await eventually(lambda: pair.writer.pending == 0, "given up")
    pair.writer.write(b"more")
    pair.writer.end()
    assert pair.writer.pending == 0
    assert pair.near.recv(100) == b"last words"
    pair.close()


async def test_closing_leaves_the_callers_descriptor_open() -> None:
    pair = Pair()
    pair.writer.write(bytes(1_000_000))
    pair.writer.close()
    pair.writer.close()
    assert pair.writer.pending == 0
    pair.far.send(b"x")
    assert pair.near.recv(1) == b"x"
    pair.writer.end()
    pair.close()
