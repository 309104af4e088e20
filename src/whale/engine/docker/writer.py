"""Writes to a connection apart from reading it.

asyncio's transports close the whole connection when a write fails. But a command that ends before it has read all
of its input makes every further write fail while its last output still waits to be read, and not one byte of that
may be lost. So input leaves through a second descriptor of the same socket: when it fails, input is over, no more.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable

_MOST_AT_ONCE = 64
"""Pieces per system call; the kernel's limit is 1024."""


class SocketWriter:
    """The writing half of a connected, non-blocking socket. Must be closed."""

    def __init__(self, fd: int, drained: Callable[[], None]) -> None:
        """Write to the socket behind `fd`, which stays the caller's own; call `drained` whenever all has left."""
        self._socket = socket.socket(fileno=os.dup(fd))
        self._socket.setblocking(False)
        self._drained = drained
        self._loop = asyncio.get_running_loop()
        self._queue: deque[memoryview] = deque()
        self._pending = 0
        self._ends_when_empty = False
        self._is_over = False
        """Nothing more can be written: half-closed, failed or closed."""

    @property
    def pending(self) -> int:
        """Bytes accepted that have not left."""
        return self._pending

    def write(self, data: bytes | memoryview) -> None:
        """Send now what the kernel takes, and the rest when it can. Dropped when writing is over."""
        if self._is_over or self._ends_when_empty or not data:
            return
        if self._queue:
            self._pending += len(data)
            self._queue.append(memoryview(data))
            return
        # Nothing waits, as for nearly every keystroke: no queue in between.
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._drop()
            return
        if sent < len(data):
            self._queue.append(memoryview(data)[sent:])
            self._pending = len(data) - sent
            self._loop.add_writer(self._socket.fileno(), self._writable)

    def end(self) -> None:
        """Half-close once all has left. Idempotent."""
        if not self._is_over and not self._ends_when_empty:
            self._ends_when_empty = True
            if not self._queue:
                self._half_close()

    def close(self) -> None:
        """Let go of the descriptor; what has not left is dropped. Idempotent."""
        self._drop()
        if self._socket.fileno() >= 0:
            self._socket.close()

    def _writable(self) -> None:
        self._send()
        if not self._queue and not self._is_over:
            self._loop.remove_writer(self._socket.fileno())
            if self._ends_when_empty:
                self._half_close()
        if not self._queue:
            self._drained()

    def _send(self) -> None:
        try:
            while self._queue:
                pieces = [self._queue[i] for i in range(min(len(self._queue), _MOST_AT_ONCE))]
                self._sent(self._socket.sendmsg(pieces))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop()

    def _sent(self, size: int) -> None:
        self._pending -= size
        while size:
            first = self._queue[0]
            if size < len(first):
                self._queue[0] = first[size:]
                return
            size -= len(first)
            self._queue.popleft()

    def _half_close(self) -> None:
        self._is_over = True
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _drop(self) -> None:
        self._is_over = True
        if self._queue:
            self._loop.remove_writer(self._socket.fileno())
        self._queue.clear()
        self._pending = 0
