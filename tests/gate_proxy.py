"""A TCP proxy with a gate: shut, it has cut every connection and takes none."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PIECE = 64 * 1024


class GateProxy:
    """Listens on `port` while it is open."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin()

    def shut(self) -> None:
        """Cut everything and take no connection. Idempotent."""
        if not self._threads:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads.pop(0).join()  # the one that accepts
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()
        while self._open:
            self._open.pop().close()

    def open(self) -> None:
        """Take connections again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._begin()

    def _begin(self) -> None:
        self._start(self._accept, self._listener)

    def _start(self, act: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=act, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._open.append(near)
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open.append(far)
                for source, target in ((near, far), (far, near)):
                    self._start(self._forward, source, target)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def gate(target: int) -> Iterator[GateProxy]:
    """Run a proxy in front of a port of this machine."""
    proxy = GateProxy(target)
    try:
        yield proxy
    finally:
        proxy.shut()
