"""The raw stream of an exec over a unix socket: one that another process can take over at the very byte.

Output is read in four steps: look at the bytes (MSG_PEEK), hand them on, which notes them, take them from the kernel,
note that. SO_PEEK_OFF has the kernel count what was looked at, and count down what was taken. So whichever step a
kill came after, the next process sees by the notes and by the kernel's number what is still to be done. All four
steps happen before the event loop is given back: it would call at once again for bytes that are still there.

Input goes through `piped.py`. The socket has one descriptor for both directions.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence

from whale.engine.docker.answer import MAX_HEAD, Answer
from whale.engine.docker.errors import unavailable
from whale.engine.docker.notes import Notes, nonsense
from whale.engine.docker.piped import PipedWriter, open_pipe
from whale.engine.docker.stream import StreamOwner

_SO_PEEK_OFF = 42
"""Of Linux; Python has no name for it."""

_QUEUE_PAUSE = 0.01


class LocalStream:
    """One connection. Whoever has it must `close` it."""

    def __init__(
        self, connected: socket.socket, pipe: int | None, owner: StreamOwner, buffer: memoryview, notes: Notes
    ) -> None:
        """Own the socket and the pipe, which is None where the command has no input."""
        self._socket = connected
        self._owner = owner
        self._buffer = buffer
        self._notes = notes
        self._writer = None if pipe is None else PipedWriter(connected, pipe, notes, owner.stdin_drained)
        self._loop = asyncio.get_running_loop()
        self._is_paused = True
        self._is_ended = False
        self._has_peer = True
        """False when the engine has closed the connection: what it sent before is still there to be read."""

    @classmethod
    async def connect(
        cls, path: str, owner: StreamOwner, buffer: memoryview, notes: Notes, *, has_input: bool
    ) -> "LocalStream":
        """Connect. Raises `OSError`."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            await _connect(made, path)
            return cls(made, open_pipe() if has_input else None, owner, buffer, notes)
        except BaseException:
            made.close()
            raise

    @classmethod
    def adopt(
        cls, descriptors: Sequence[int], owner: StreamOwner, buffer: memoryview, notes: Notes, *, has_input: bool
    ) -> "LocalStream":
        """Take over from a killed process, paused. Raises `EngineError` when the parts do not fit each other.

        Owns the descriptors when it does not fail.
        """
        with contextlib.ExitStack() as stack:
            if len(descriptors) != 1 + has_input:
                raise nonsense(f"{len(descriptors)} descriptors")
            connected = _engine_socket(descriptors[0])
            stack.callback(connected.detach)
            made = cls(connected, descriptors[1] if has_input else None, owner, buffer, notes)
            made._settle()
            stack.pop_all()
        return made

    # --- what the owner calls

    @property
    def pending(self) -> int:
        """Bytes written that have not left yet."""
        return self._writer.pending if self._writer and not self._is_ended else 0

    def delivered(self, source: int) -> int:
        """Bytes of that source that have left."""
        return self._notes.delivered(source)

    def write(self, data: bytes | memoryview, *, source: int | None) -> None:
        """Send bytes; drops them when the stream has ended or was half-closed."""
        if self._writer:
            self._writer.write(data, source=source)
        elif source is not None:
            self._notes.dropped(source, len(data))

    def half_close(self) -> None:
        """End our direction; reading goes on. Idempotent."""
        if self._writer:
            self._writer.end()

    def pause(self) -> None:
        """Stop reading. Idempotent."""
        if not self._is_paused:
            self._is_paused = True
            if not self._is_ended and self._has_peer:
                self._loop.remove_reader(self._socket.fileno())

    def resume(self) -> None:
        """Read on. Idempotent."""
        if self._is_paused:
            self._is_paused = False
            if not self._is_ended and self._has_peer:
                self._loop.add_reader(self._socket.fileno(), self._readable)
            elif not self._is_ended:
                self._loop.call_soon(self._readable)

    def descriptors(self) -> tuple[int, ...]:
        """What must be kept for `adopt`; nothing once it is closed."""
        if self._socket.fileno() < 0:
            return ()
        return (self._socket.fileno(), self._writer.pipe) if self._writer else (self._socket.fileno(),)

    def close(self) -> None:
        """Let go of the connection at once; the owner is told nothing more. Idempotent."""
        self._end()
        if self._writer:
            self._writer.close()
        self._socket.close()

    async def request(self, head: bytes) -> tuple[int, bytes]:
        """Send the request and wait for the answer: its status, and its text if it is not the stream."""
        await self._loop.sock_sendall(self._socket, head)
        answer = Answer()
        while not answer.is_complete:
            said = await self._loop.sock_recv(self._socket, MAX_HEAD)
            if not said:
                raise unavailable("the engine closed the connection")
            answer.feed(said)
        if not answer.is_stream:
            return answer.status, answer.rest
        if answer.rest:
            self._owner.bytes_received(memoryview(answer.rest))
            self._notes.taken()
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
        self.resume()
        return answer.status, b""

    # --- reading

    def _readable(self) -> None:
        if self._is_ended or self._is_paused:
            return
        try:
            size = self._socket.recv_into(self._buffer, 0, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._over(error)
            return
        if not size:
            self._over(None)
            return
        self._owner.bytes_received(self._buffer[:size])
        if self._socket.fileno() < 0:
            return
        self._take(size)
        if not self._is_ended:
            self._look_for_peer()

    def _take(self, size: int) -> None:
        """Take from the kernel what was handed on."""
        while size:
            size -= self._socket.recv_into(self._buffer, size)
        self._notes.taken()

    def _look_for_peer(self) -> None:
        """Stop watching a connection that the engine has broken: there is nothing to wait for any more.

        An engine that closes with input unread leaves an error on the socket. uvloop calls once for it, and never
        again, though more is to be read.
        """
        if self._writer is None:
            return  # without input nothing is left unread
        if self._has_peer and self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            if not self._is_paused:
                self._loop.remove_reader(self._socket.fileno())
            self._has_peer = False
            self._give_up_input()
        if not self._has_peer and not self._is_paused:
            self._loop.call_soon(self._readable)

    def _settle(self) -> None:
        """Do what a killed process did not come to. Whatever it looked at and did not note is looked at again."""
        try:
            looked_at = self._socket.getsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF)
            if looked_at < 0:
                raise nonsense("a socket that was not read in steps")
            if not self._notes.is_taken:
                self._take(looked_at)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_PEEK_OFF, 0)
        except OSError as error:
            raise nonsense(f"a socket that can't be used: {error}") from error
        if self._writer:
            self._writer.settle()

    def _over(self, error: OSError | None) -> None:
        """Tell the owner that nothing more comes.

        An engine that closes while input is unread resets the connection; all that it wrote was in our queue before,
        so on this machine that is an orderly end all the same. The descriptors stay: who is killed now is followed
        by one who asks how the command ended.
        """
        self._end()
        self._owner.stream_ended(None if isinstance(error, ConnectionResetError) else error)

    def _end(self) -> None:
        if not self._is_ended:
            self.pause()
            self._is_ended = True
            self._give_up_input()

    def _give_up_input(self) -> None:
        if self._writer:
            self._writer.give_up()


async def _connect(made: socket.socket, path: str) -> None:
    """Connect, which is done at once or not at all: there is no waiting for it, but for room in the engine's queue."""
    while True:
        try:
            made.connect(path)
        except BlockingIOError:
            await asyncio.sleep(_QUEUE_PAUSE)
        else:
            return


def close_descriptors(descriptors: Sequence[int]) -> None:
    """Close what can't be adopted; some may not even be open."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _engine_socket(descriptor: int) -> socket.socket:
    """Make a socket of a descriptor. Raises `EngineError` for what is no connection to an engine on this machine."""
    try:
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        raise nonsense(f"a descriptor that is no socket: {error}") from error
    if made.family != socket.AF_UNIX or made.type != socket.SOCK_STREAM:
        made.detach()
        raise nonsense("a socket of another kind")
    made.setblocking(False)
    os.set_inheritable(descriptor, False)
    return made
