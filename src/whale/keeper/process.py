"""The keeper's process: one loop that waits for packets of one server, and for the next server.

It never reads from a descriptor it keeps, writes nothing to disk, and ends on its own: soon when there is nothing to
keep, and after `ttl` when no server comes. Nothing that a connection sends ends it.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time

from whale.keeper.lock import sign
from whale.keeper.packets import close_all
from whale.keeper.peer import Peer
from whale.keeper.protocol import FULL, HELLO, PUT, REMOVE, TAKE, TTL, VERSION, WELCOME, BadPacket, Message
from whale.keeper.shelf import Shelf
from whale.model.limits import KEEPER_HELLO, KEEPER_IDLE, KEEPER_TTL, MAX_KEEPER_STRANGERS, MAX_KEPT

SOCKET_NAME = "keeper.sock"

RESERVE = 64
"""Descriptors for the keeper itself, and for those that arrive before others go."""

_AT_ONCE = 64
"""Packets of one connection that are read before others get their turn."""

_PAUSE = 0.005
"""Seconds until something is tried again that poll can't tell of."""

_LONGEST_WAIT = 3600.0
"""Seconds; poll can't be told of times that are much longer, and waiting twice does no harm."""

CREDENTIALS = 12
"""Size of the kernel's answer about a peer: process, user and group, four bytes each."""


class KeeperProcess:
    """The loop. Whoever has it calls `close`."""

    def __init__(self, listener: socket.socket, shelf: Shelf, *, wakeup: int = -1) -> None:
        """`wakeup`: a descriptor that is readable once a signal came (signal.set_wakeup_fd)."""
        self.shelf = shelf
        self._wakeup = wakeup
        self._listener = listener
        self._listener.setblocking(False)
        self._server: Peer | None = None
        self._strangers: list[Peer] = []
        self._ttl = KEEPER_TTL
        self._alone_since = time.monotonic()

    def run(self) -> None:
        """Work until there is no reason to."""
        while self.step():
            pass

    def step(self, *, longest: float = _LONGEST_WAIT) -> bool:
        """Wait for something to happen, not beyond `longest`, and deal with it. False: it is time to end."""
        ready = self._wait(longest)
        if self._server is not None and ready.intersection(self._numbers([self._server])):
            self._serve(self._server)
        for peer in list(self._strangers):
            if ready.intersection(self._numbers([peer])):
                self._meet(peer)
            elif time.monotonic() >= peer.deadline:
                self._drop(peer)
        if self._listener.fileno() in ready:
            self._accept()
        return self._server is not None or time.monotonic() < self._end()

    def close(self) -> None:
        """Close every connection and everything that is kept."""
        for peer in self._peers():
            self._drop(peer)
        self._listener.close()
        self.shelf.close()

    def _peers(self) -> list[Peer]:
        return [*self._strangers, *([] if self._server is None else [self._server])]

    @staticmethod
    def _numbers(peers: list[Peer]) -> list[int]:
        return [peer.connection.fileno() for peer in peers]

    def _end(self) -> float:
        """When the keeper ends, if no server comes."""
        return self._alone_since + (self._ttl if len(self.shelf) else KEEPER_IDLE)

    def _wait(self, longest: float) -> set[int]:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        if self._wakeup >= 0:
            # A signal just before poll begins does not interrupt it, and its handler would run only after it.
            poll.register(self._wakeup, select.POLLIN)
        deadlines = [time.monotonic() + longest, *(peer.deadline for peer in self._strangers)]
        if self._server is None:
            deadlines.append(self._end())
        else:
            server = self._server
            writing = server.is_waiting and not server.is_throttled
            poll.register(server.connection, select.POLLIN | (select.POLLOUT if writing else 0))
            if server.is_throttled:
                deadlines.append(time.monotonic() + _PAUSE)
        for peer in self._strangers:
            poll.register(peer.connection, select.POLLIN)
        left = min(deadlines) - time.monotonic()
        # Rounded up: a moment too early there would be nothing to do.
        timeout = int(left * 1000) + 1 if left > 0 else 0
        ready = {number for number, _ in poll.poll(timeout)}
        if self._server is not None and self._server.is_throttled:
            ready.add(self._server.connection.fileno())
        return ready

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:
            time.sleep(_PAUSE)  # the system is out of descriptors; poll would say again at once that there is one
            return
        connection.setblocking(False)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS)
        user = int.from_bytes(credentials[4:8], sys.byteorder)
        if user != os.geteuid() or len(self._strangers) >= MAX_KEEPER_STRANGERS:
            connection.close()
            return
        self._strangers.append(Peer(connection, deadline=time.monotonic() + KEEPER_HELLO))

    def _meet(self, peer: Peer) -> None:
        """Hear what a stranger has to say: that it is the server, and nothing else."""
        try:
            message, descriptors = peer.receive()
        except BlockingIOError:
            return
        except (EOFError, BadPacket):
            self._drop(peer)
            return
        close_all(descriptors)
        if message.kind != HELLO:
            self._drop(peer)
            return
        peer.answer(WELCOME, "", VERSION, os.getpid(), self.shelf.capacity, self.shelf.held)
        if message.numbers[0] == VERSION:
            self._take_over(peer, ttl=message.numbers[1] / 1000)
        peer.flush(self.shelf)
        if peer is not self._server:
            self._drop(peer)

    def _take_over(self, peer: Peer, *, ttl: float) -> None:
        """Serve this one from now on. Everything that the one before could send is kept first."""
        if self._server is not None:
            before = self._server
            before.refuse_more()
            while self._server is before:
                self._read(before)
        self._strangers.remove(peer)
        self._server, self._ttl = peer, ttl

    def _serve(self, server: Peer) -> None:
        self._read(server)
        if server is self._server:
            server.flush(self.shelf)

    def _read(self, server: Peer) -> None:
        """Read some packets of the server; let go of it at their end."""
        try:
            for _ in range(_AT_ONCE):
                message, descriptors = server.receive()
                self._received(server, message, descriptors)
        except BlockingIOError:
            return
        except (EOFError, BadPacket):
            self._drop(server)

    def _received(self, server: Peer, message: Message, descriptors: tuple[int, ...]) -> None:
        if message.kind == PUT:
            if not descriptors or not self.shelf.put(message.name, descriptors):
                server.answer(FULL, message.name)
        elif message.kind == REMOVE:
            self.shelf.remove(message.name)
        elif message.kind == TAKE:
            server.hand_over(self.shelf.names())
        elif message.kind == TTL:
            self._ttl = message.numbers[0] / 1000
        else:
            raise BadPacket("a second hello")

    def _drop(self, peer: Peer) -> None:
        peer.close()
        if peer is self._server:
            self._server = None
            self._alone_since = time.monotonic()
        else:
            with contextlib.suppress(ValueError):
                self._strangers.remove(peer)


def main(arguments: list[str]) -> int:
    """Be the keeper. After the state directory's path, for people, come descriptors: directory, lock, listener."""
    directory, lock, listener = (int(number) for number in arguments[1:4])
    if os.fork():
        os._exit(0)  # whoever started this waits for it, and must not become the keeper's parent
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wakeup, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    sign(lock)
    shelf = Shelf(capacity=_raise_open_files() - RESERVE)
    keeper = KeeperProcess(socket.socket(fileno=listener), shelf, wakeup=wakeup)
    try:
        signal.signal(signal.SIGTERM, _stop)
        keeper.run()
    finally:
        # In this order: as long as the lock is there, nobody else makes a socket of that name.
        with contextlib.suppress(OSError):
            os.unlink(SOCKET_NAME, dir_fd=directory)
        keeper.close()
    return 0


def _stop(_signal: int, _frame: object) -> None:
    sys.exit(0)


def _raise_open_files() -> int:
    """Use as many descriptors as the system allows, and say how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_KEPT + RESERVE if hard == resource.RLIM_INFINITY else min(hard, MAX_KEPT + RESERVE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
