import asyncio
import fcntl
import mmap
import os
import socket

import pytest

from tests.engines import eventually
from whale.engine.docker.notes import Ending, Notes
from whale.engine.docker.piped import PipedWriter, open_pipe
from whale.engine.seam import NOTES_SIZE
from whale.model.errors import EngineError

DATA = bytes(range(256)) * 8192


class Pair:
    """A connected pair: a writer on one end, a plain socket to read on the other."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.drained = 0
        self.memory = memoryview(mmap.mmap(-1, NOTES_SIZE))
        self.notes = Notes(self.memory)
        self.writer = PipedWriter(self.near, open_pipe(), self.notes, self._drained)

    def _drained(self) -> None:
        self.drained += 1

    def write(self, data: bytes, source: int | None = 0) -> None:
        self.writer.write(data, source=source)

    async def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += await asyncio.get_running_loop().sock_recv(self.far, size - len(data))
        return bytes(data)

    def succeed(self) -> None:
        """Put another writer in the place of this one, which is killed."""
        pipe = os.dup(self.writer.pipe)
        self.notes.close()
        self.writer.close()
        self.notes = Notes.read(self.memory)
        self.writer = PipedWriter(self.near, pipe, self.notes, self._drained)
        self.writer.settle()

    def close(self) -> None:
        self.writer.close()
        self.near.close()
        self.far.close()


def test_a_pipe_has_one_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    pipe = open_pipe()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    assert (os.write(pipe, b"through"), os.read(pipe, 10)) == (7, b"through")
    assert not os.get_inheritable(pipe)
    with pytest.raises(BlockingIOError):
        os.read(pipe, 10)
    os.close(pipe)


async def test_what_fits_leaves_at_once() -> None:
    pair = Pair()
    pair.write(b"hello", source=3)
    pair.write(b"")
    assert (pair.writer.pending, pair.drained, pair.notes.delivered(3)) == (0, 0, 5)
    assert pair.far.recv(10) == b"hello"
    pair.close()


async def test_the_rest_leaves_in_order_when_it_can_and_then_it_is_drained() -> None:
    pair = Pair()
    for number, at in enumerate(range(0, len(DATA), 100_000)):
        pair.write(DATA[at : at + 100_000], source=number % 2)
    assert 0 < pair.writer.pending < len(DATA)
    delivered = pair.notes.delivered(0) + pair.notes.delivered(1)
    assert 0 <= delivered - (len(DATA) - pair.writer.pending) <= 65536, "the pipe's bytes count as delivered"
    assert await pair.read(len(DATA)) == DATA
    await eventually(lambda: pair.drained == 1, "drained")
    assert pair.writer.pending == 0
    assert pair.notes.delivered(0) + pair.notes.delivered(1) == len(DATA)
    pair.close()


async def test_a_small_pipe_takes_smaller_pieces() -> None:
    pair = Pair()
    fcntl.fcntl(pair.writer.pipe, fcntl.F_SETPIPE_SZ, 4096)
    pair.write(DATA)
    assert await pair.read(len(DATA)) == DATA
    pair.close()


async def test_without_a_source_nothing_is_counted() -> None:
    pair = Pair()
    pair.write(b"\n", source=None)
    pair.write(DATA, source=None)
    assert await pair.read(len(DATA) + 1) == b"\n" + DATA
    assert [pair.notes.delivered(source) for source in range(16)] == [0] * 16
    pair.close()


async def test_half_close_comes_after_everything_and_reading_goes_on() -> None:
    pair = Pair()
    pair.write(DATA)
    pair.writer.end()
    pair.writer.end()
    pair.write(b"too late")
    assert pair.notes.ending == Ending.OPEN, "a successor must wait for what the client sends again"
    assert await pair.read(len(DATA)) == DATA
    assert await asyncio.get_running_loop().sock_recv(pair.far, 10) == b""
    assert pair.notes.ending == Ending.DONE
    assert pair.notes.delivered(0) == len(DATA) + len(b"too late")
    pair.far.send(b"still")
    assert pair.near.recv(10) == b"still"
    pair.close()


async def test_half_close_of_an_empty_writer_is_at_once() -> None:
    pair = Pair()
    pair.writer.end()
    assert pair.far.recv(10) == b""
    pair.succeed()
    pair.write(b"after the end")
    assert pair.notes.delivered(0) == 13
    assert pair.writer.pending == 0
    pair.close()


async def test_a_failure_ends_writing_and_leaves_what_is_there_to_be_read() -> None:
    pair = Pair()
    pair.far.send(b"last words")
    pair.write(DATA)
    pair.far.close()
    await eventually(lambda: pair.writer.pending == 0, "given up")
    pair.write(b"more")
    pair.writer.end()
    assert pair.writer.pending == 0
    assert pair.notes.delivered(0) == len(DATA) + 4, "what nobody will ever read"
    assert pair.near.recv(100) == b"last words"
    pair.close()


async def test_a_failure_at_the_first_byte() -> None:
    pair = Pair()
    pair.far.close()
    pair.write(b"nobody reads this")
    assert (pair.writer.pending, pair.notes.delivered(0)) == (0, 17)
    pair.close()


async def test_a_pipe_that_is_gone_is_a_failure_too() -> None:
    pair = Pair()
    os.close(pair.writer.pipe)
    pair.write(b"nobody reads this")
    assert (pair.writer.pending, pair.notes.delivered(0)) == (0, 17)
    pair.writer._pipe = -1
    pair.close()


async def test_closing_leaves_the_socket_and_a_duplicate_of_the_pipe() -> None:
    pair = Pair()
    pair.write(DATA)
    kept = os.dup(pair.writer.pipe)
    pair.writer.close()
    pair.writer.close()
    assert pair.writer.pending == 0
    pair.far.send(b"x")
    assert pair.near.recv(1) == b"x"
    assert len(os.read(kept, 100_000)) > 0
    os.close(kept)
    pair.writer.end()
    pair.close()


async def test_a_successor_sends_what_was_in_the_pipe_and_no_more() -> None:
    pair = Pair()
    pair.write(DATA[:1_000_000], source=2)
    pair.succeed()
    there = pair.notes.delivered(2)
    assert there < 1_000_000, "the rest was in the killed one's memory"
    assert pair.writer.pending > 0
    pair.write(DATA[there:], source=2)
    pair.writer.end()
    assert await pair.read(len(DATA)) == DATA
    assert await asyncio.get_running_loop().sock_recv(pair.far, 10) == b""
    await eventually(lambda: pair.drained == 1, "drained")
    pair.close()


async def test_a_successor_half_closes_when_only_the_pipe_was_waited_for() -> None:
    pair = Pair()
    size = 0
    while not pair.writer.pending:
        pair.write(DATA[size : size + 4096])
        size += 4096
    pair.writer.end()
    assert pair.notes.ending == Ending.WANTED
    pair.succeed()
    pair.write(b"too late")
    assert pair.notes.delivered(0) == size + 8
    assert await pair.read(size) == DATA[:size]
    assert await asyncio.get_running_loop().sock_recv(pair.far, 10) == b""
    pair.close()


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_successor_finds_out_whether_a_piece_was_written(is_written: bool) -> None:
    pair = Pair()
    pair.write(b"before", source=1)
    pair.notes.intend(1)
    if is_written:
        os.write(pair.writer.pipe, b"piece")
    pair.succeed()
    assert pair.notes.delivered(1) == 6 + 5 * is_written
    assert pair.far.recv(100) == b"before" + b"piece" * is_written
    pair.close()


async def test_a_successor_refuses_what_is_no_pipe() -> None:
    pair = Pair()
    for wrong in (os.open("/dev/null", os.O_RDWR), os.dup(pair.near.fileno())):
        with pytest.raises(EngineError):
            PipedWriter(pair.near, wrong, pair.notes, pair._drained).settle()
        os.close(wrong)
    with pytest.raises(EngineError):
        PipedWriter(pair.near, 2**20, pair.notes, pair._drained).settle()
    pair.close()
