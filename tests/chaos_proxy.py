"""A TCP proxy that cuts connections at seeded points: in the middle of a frame, in the handshake, or at once."""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator

PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a close that resets: what is on the way is lost as well."""


class _Budget:
    """Bytes, of both directions together, after which a connection is cut; None for never."""

    def __init__(self, size: int | None) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> int:
        with self._lock:
            if self._left is None:
                return size
            allowed = min(size, self._left)
            self._left -= allowed
            return allowed


class ChaosProxy:
    """Listens on `port`; every connection is cut after some bytes until there were `cuts` of them."""

    def __init__(self, target: int, *, seed: int, cuts: int, most: int) -> None:
        """`most` bytes is what a connection lives at most; every fifth, but not the first, dies in its handshake."""
        self._target = target
        self._random = random.Random(seed)
        self._cuts = cuts
        self._most = most
        self.done = 0
        """Cuts so far."""
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cut everything and stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in tuple(self._open):
            self._kill(sock, reset=False)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            budget = _Budget(self._size() if self.done < self._cuts else None)
            self.connections += 1
            self._open |= {near, far}
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, target, budget), daemon=True).start()

    def _size(self) -> int:
        if self.connections and self._random.random() < 0.2:
            return self._random.randrange(600)
        return 1000 + self._random.randrange(self._most)

    def _forward(self, source: socket.socket, target: socket.socket, budget: _Budget) -> None:
        is_cut = False
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                allowed = budget.take(len(data))
                target.sendall(data[:allowed])
                if allowed < len(data):
                    is_cut = True
                    break
        if is_cut and {source, target} <= self._open:
            self.done += 1
        reset = is_cut and self._random.random() < 0.5
        for sock in (source, target):
            self._kill(sock, reset=reset)

    def _kill(self, sock: socket.socket, *, reset: bool) -> None:
        self._open.discard(sock)
        with contextlib.suppress(OSError):
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


@contextlib.contextmanager
def chaos(target: int, *, seed: int, cuts: int, most: int = 3_000_000) -> Iterator[ChaosProxy]:
    """A proxy in front of a local port, closed at the end."""
    proxy = ChaosProxy(target, seed=seed, cuts=cuts, most=most)
    try:
        yield proxy
    finally:
        proxy.close()
