"""Connecting to a server that may come back at any moment: attempts overlap, and the first that gets through wins.

The kernel sends the first packet of a connection again after a second or more; a network that is back sooner is not
left waiting for that. No TLS and no handshake here: an attempt that loses is closed before the server heard a word.
"""

import _socket
import errno
import os
import random
import select
import threading
import time
from contextlib import suppress
from typing import Any

from whale.client.address import Address
from whale.client.dial import AddressInfo, literal_family, resolve
from whale.client.watch import NetworkWatch

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between two attempts, less up to half of it by chance, so that many clients of one server do not come back in
step."""

SHARE = 0.05
"""Of the time since the connection broke: that much later than possible a connection is back, at the most."""

STAGGER = 0.25
"""Seconds before another attempt begins beside one that has no answer yet (RFC 8305 section 5)."""

NEWS_PAUSE = 0.05
"""Seconds between two attempts that news or keys began: an interface that comes up is news ten times over."""

MAX_ATTEMPTS = 8
"""Attempts at a time."""

ATTEMPT_TIMEOUT = 4.0
"""Seconds an attempt has, much longer than a round trip to anywhere."""

ROOM_TIMEOUT = 1.0
"""Seconds it has when there are as many as may be."""

MAX_TARGETS = 4
"""Addresses of one name that are tried."""

MAX_LOOKUPS = 3
"""Resolvers at a time: they have no deadline of their own, and the network may have changed under one."""

Target = tuple[int, Any]
"""Family and address of a server, as sockets take them."""


class Race:
    """`run` it in a thread, as often as connections fail later on. `hurry` and `stop` are for any thread."""

    def __init__(self, address: Address, watch: NetworkWatch, *, known: Target | None = None) -> None:
        """`known`: where the server was. With TLS it is tried before the name is looked up, for there it must prove
        itself; without TLS another network may have another machine at that address."""
        self._address = address
        self._watch = watch
        self._family = literal_family(address.host)
        self._answers: list[Target] = [known] if known is not None and address.is_secure else []
        self._attempts: dict[_socket.socket, float] = {}
        """When each of them began."""
        self._begun = time.monotonic()
        self._last = 0.0
        self._next = 0.0
        self._pause = SHORTEST_PAUSE
        self.took = 0.0
        """Seconds that the connection needed which won last: about a round trip."""
        self._lock = threading.Lock()
        self._lookups = 0
        self.is_stopped = False
        self._is_hurried = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def hurry(self) -> None:
        """Try now, whatever the pause."""
        self._is_hurried = True
        self._notify()

    def stop(self) -> None:
        """Make `run` return."""
        self.is_stopped = True
        self._notify()

    def close(self) -> None:
        """Give back what it holds. Only when `run` has returned."""
        with self._lock:
            for descriptor in (self._reader, self._writer):
                os.close(descriptor)
            self._writer = -1

    def run(self, deadline: float) -> _socket.socket | None:
        """Return a connection that does not block; None when it was stopped, or at the deadline (`time.monotonic`)."""
        try:
            while not self.is_stopped and (now := time.monotonic()) < deadline:
                self._look_around(now)
                if now >= self._next:
                    self._launch(now)
                won = self._wait(min(self._next, deadline) - time.monotonic())
                if won is not None:
                    self.took = time.monotonic() - self._attempts.pop(won)
                    return won
            return None
        finally:
            for sock in self._attempts:
                sock.close()
            self._attempts.clear()

    def _look_around(self, now: float) -> None:
        is_hurried, self._is_hurried = self._is_hurried, False
        if self._watch.has_changed():
            self._begun, is_hurried = now, True
            if not self._address.is_secure:
                self._answers = []
        if is_hurried:
            self._next = min(self._next, max(now, self._last + NEWS_PAUSE))

    def _launch(self, now: float) -> None:
        self._last = now
        patience = ROOM_TIMEOUT if len(self._attempts) >= MAX_ATTEMPTS else ATTEMPT_TIMEOUT
        for sock in [sock for sock, begun in self._attempts.items() if now - begun > patience]:
            self._drop(sock)
        for family, target in self._targets()[:MAX_TARGETS]:
            if len(self._attempts) < MAX_ATTEMPTS:
                self._connect(family, target, now)
        self._pause = min(max(SHORTEST_PAUSE, SHARE * (now - self._begun)), LONGEST_PAUSE)
        self._rest(max(self._pause, STAGGER) if self._attempts else self._pause, now)

    def _connect(self, family: int, target: Any, now: float) -> None:
        sock = _socket.socket(family, _socket.SOCK_STREAM)
        sock.setblocking(False)
        if sock.connect_ex(target) in (0, errno.EINPROGRESS):
            self._attempts[sock] = now
        else:
            sock.close()

    def _wait(self, seconds: float) -> _socket.socket | None:
        """Wait for one of the attempts, for news, or so many seconds."""
        reads = [self._reader] if self._watch.descriptor < 0 else [self._reader, self._watch.descriptor]
        readable, writable, _ = select.select(reads, list(self._attempts), [], max(0.0, seconds))
        if self._reader in readable:
            os.read(self._reader, 512)
            if not self._attempts and self._answers:
                self._next = min(self._next, self._last + NEWS_PAUSE)  # a name was found
        for sock in writable:
            if not sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
                return sock
            self._drop(sock)
        if writable and not self._attempts:
            self._rest(self._pause, time.monotonic())
        return None

    def _rest(self, seconds: float, now: float) -> None:
        self._next = now + seconds * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret

    def _drop(self, sock: _socket.socket) -> None:
        del self._attempts[sock]
        sock.close()

    def _targets(self) -> list[Target]:
        if self._family is not None:
            return [(self._family, (self._address.host, self._address.port))]
        with self._lock:
            is_free = self._lookups < MAX_LOOKUPS
            self._lookups += is_free
        if is_free:
            threading.Thread(target=self._look_up, name="whale-resolver", daemon=True).start()
        return self._answers

    def _look_up(self) -> None:
        found: AddressInfo = []
        try:
            found = resolve(self._address)
        except OSError:
            pass  # it is asked again at the next attempt
        finally:
            with self._lock:
                self._lookups -= 1
        if found:
            self._answers = [(family, target) for family, _, _, target in found]
            self._notify()

    def _notify(self) -> None:
        with self._lock:
            if self._writer >= 0:
                with suppress(BlockingIOError):  # it is full of the same
                    os.write(self._writer, b"!")
