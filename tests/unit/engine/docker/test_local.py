"""The stream that can be taken over, against an engine of a few lines; `test_adoption.py` kills real servers."""

import asyncio
import mmap
import os
import socket
from pathlib import Path

import pytest

from tests.unit.engine.docker.upgrades import GO, Owner, Upgrades
from whale.engine.docker.local import LocalStream, close_descriptors
from whale.engine.docker.notes import Notes
from whale.engine.docker.piped import open_pipe
from whale.engine.seam import NOTES_SIZE
from whale.model.errors import EngineError
from whale.model.limits import MIB

PEEK_OFFSET = 42
BUFFER = memoryview(bytearray(65536))


class Noting(Owner):
    """Notes how many bytes it was handed, as an exec does."""

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self.notes = notes
        self.total = notes.output().stdout

    def bytes_received(self, data: memoryview) -> None:
        super().bytes_received(data)
        self.total += len(data)
        self.notes.commit(stdout=self.total, is_taken=False)


def open_things() -> set[str]:
    """What the descriptors of this process are of."""
    return {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}


class Killed(BaseException):
    """Ends a read where a kill would."""


class Rig:
    """A stream on a pair of sockets; the other end is the engine."""

    def __init__(self) -> None:
        self.near, self.engine = socket.socketpair()
        self.near.setsockopt(socket.SOL_SOCKET, PEEK_OFFSET, 0)
        self.pipe = -1
        self.memory = memoryview(mmap.mmap(-1, NOTES_SIZE))
        Notes(self.memory).close()
        self.owner = Noting(Notes.read(self.memory))

    def adopt(self, *, has_input: bool = True) -> LocalStream:
        """Take over from whoever had it."""
        if self.pipe < 0 and has_input:
            self.pipe = open_pipe()
        self.owner = Noting(Notes.read(self.memory))
        kept = [os.dup(self.near.fileno()), os.dup(self.pipe)] if has_input else [os.dup(self.near.fileno())]
        return LocalStream.adopt(kept, self.owner, BUFFER, self.owner.notes, has_input=has_input)

    def close(self) -> None:
        self.near.close()
        self.engine.close()
        if self.pipe >= 0:
            os.close(self.pipe)


async def ends_with(owner: Owner, data: bytes) -> None:
    async with asyncio.timeout(10):
        while not owner.data.endswith(data):
            await asyncio.sleep(0.001)


async def test_output_is_whole_when_the_engine_closes_with_input_unread(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GO + bytes(100_000))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    for is_paused in (True, False):
        owner = Owner()
        async with Upgrades(tmp_path / f"s{is_paused}", serve) as server:
            stream = await server.open(owner)
            if is_paused:
                stream.pause()
            stream.write(bytes(4 * MIB), source=0)
            await asyncio.sleep(0.15)
            stream.write(bytes(4 * MIB), source=0)
            assert (stream.pending, stream.delivered(0)) == (0, 8 * MIB)
            stream.resume()
            assert await owner.ended is None
        assert len(owner.data) == 100_000
        stream.close()


async def test_a_broken_connection_with_much_to_read_is_read_to_its_end_and_held_when_paused() -> None:
    rig = Rig()
    stream = rig.adopt()
    small = memoryview(bytearray(1000))
    stream._buffer = small
    stream.write(b"unread", source=0)
    rig.engine.send(b"x" * 50_000)
    rig.engine.close()
    stream.resume()
    while len(rig.owner.data) < 5000:
        await asyncio.sleep(0)
    stream.pause()
    await asyncio.sleep(0.01)
    held = len(rig.owner.data)
    assert held < 50_000
    await asyncio.sleep(0.01)
    assert len(rig.owner.data) == held
    stream.resume()
    assert await rig.owner.ended is None
    assert rig.owner.data == b"x" * 50_000
    stream.close()
    rig.close()


async def test_descriptors_stay_the_same_until_it_is_closed(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO + b"out")

    for has_input in (True, False):
        owner = Owner()
        async with Upgrades(tmp_path / f"s{has_input}", serve) as server:
            stream = await server.open(owner, has_input=has_input)
            kept = stream.descriptors()
            assert len(kept) == 1 + has_input
            things = {os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in kept}
            assert await owner.ended is None
            assert stream.descriptors() == kept
            stream.close()
            stream.close()
            assert stream.descriptors() == ()
            assert not things & open_things()


async def test_without_input_nothing_is_sent(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GO + b"ready")
        writer.write(b" got " + await reader.read())

    owner = Owner()
    async with Upgrades(tmp_path / "s", serve) as server:
        stream = await server.open(owner, has_input=False)
        await ends_with(owner, b"ready")
        stream.write(b"nothing", source=4)
        stream.write(b"nothing", source=None)
        stream.half_close()
        assert (stream.pending, stream.delivered(4)) == (0, 7)
        await asyncio.sleep(0.02)
        assert owner.data == b"ready"
        stream.close()


async def test_an_engine_with_a_full_queue_is_tried_again(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen(0)
    first = socket.socket(socket.AF_UNIX)
    first.connect(str(tmp_path / "s"))
    listener.setblocking(False)
    task = asyncio.ensure_future(  # noqa: TID251
        LocalStream.connect(str(tmp_path / "s"), Owner(), BUFFER, Notes(), has_input=False)
    )
    await asyncio.sleep(0.05)
    assert not task.done()
    for _ in range(2):
        accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
        accepted.close()
    (await task).close()
    first.close()
    listener.close()


async def test_bytes_are_taken_when_they_are_noted() -> None:
    rig = Rig()
    stream = rig.adopt()
    rig.engine.send(b"one")
    await asyncio.sleep(0.01)
    assert rig.owner.data == b"", "an adopted stream begins paused"
    stream.resume()
    stream.resume()
    await ends_with(rig.owner, b"one")
    assert rig.near.getsockopt(socket.SOL_SOCKET, PEEK_OFFSET) == 0
    assert (rig.owner.notes.is_taken, rig.owner.notes.output().stdout) == (True, 3)
    stream.close()
    rig.close()


@pytest.mark.parametrize("step", ["looked", "handed on", "noted", "taken"])
async def test_a_successor_goes_on_wherever_the_other_was_killed(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    stream = rig.adopt(has_input=False)
    rig.engine.send(b"first ")

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "looked":
            patch.setattr(rig.owner, "bytes_received", killed)
        elif step == "handed on":
            patch.setattr(Notes, "commit", killed)
        elif step == "noted":
            patch.setattr(LocalStream, "_take", killed)
        else:
            patch.setattr(Notes, "taken", killed)
        stream._is_paused = False
        with pytest.raises(Killed):
            stream._readable()
    stream._is_paused = True
    stream.close()
    counted = Notes.read(rig.memory).output().stdout
    assert counted == (6 if step in ("noted", "taken") else 0)
    rig.engine.send(b"second")
    successor = rig.adopt(has_input=False)
    successor.resume()
    await ends_with(rig.owner, b"second")
    assert rig.owner.data == (b"second" if counted else b"first second")
    assert rig.owner.notes.output().stdout == 12
    successor.close()
    rig.close()


async def test_an_owner_that_closes_in_the_middle_leaves_the_rest_to_a_successor() -> None:
    rig = Rig()
    stream = rig.adopt()
    rig.owner.bytes_received = lambda data: stream.close()  # type: ignore[method-assign]
    rig.engine.send(b"some")
    stream.resume()
    async with asyncio.timeout(10):
        while stream.descriptors():
            await asyncio.sleep(0)
    successor = rig.adopt()
    successor.resume()
    await ends_with(rig.owner, b"some")
    successor.close()
    rig.close()


async def test_a_stream_that_ended_meanwhile_ends_after_its_rest() -> None:
    rig = Rig()
    rig.engine.send(b"rest")
    rig.engine.close()
    stream = rig.adopt()
    stream.resume()
    assert await rig.owner.ended is None
    assert rig.owner.data == b"rest"
    stream.write(b"nobody reads this", source=0)
    assert stream.delivered(0) == 17
    stream.pause()
    stream.resume()
    stream.close()
    rig.close()


async def test_what_does_not_fit_is_refused() -> None:
    rig = Rig()
    near = rig.near.fileno()
    unread, other = socket.socketpair()
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptors, has_input in (
        ((), False),
        ((near,), True),
        ((near, near), False),
        ((near, null), True),
        ((null,), False),
        ((datagram.fileno(),), False),
        ((2**20,), False),
        ((unread.fileno(),), False),
    ):
        with pytest.raises(EngineError):
            LocalStream.adopt(descriptors, rig.owner, BUFFER, rig.owner.notes, has_input=has_input)
    rig.owner.notes.commit(stdout=1, is_taken=False)
    rig.near.close()
    with pytest.raises(EngineError):
        LocalStream.adopt((near,), rig.owner, BUFFER, rig.owner.notes, has_input=False)
    for made in (unread, other, datagram):
        made.close()
    os.close(null)
    rig.close()


def test_closing_what_may_not_be_open() -> None:
    pair = os.pipe()
    close_descriptors([pair[0], 2**20, pair[1]])
    for descriptor in pair:
        with pytest.raises(OSError):
            os.fstat(descriptor)
