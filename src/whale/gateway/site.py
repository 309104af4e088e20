"""The listening socket: TLS with a deadline for its handshake, and an eye on connections that ask for nothing.

Connections are accepted here and not by the event loop's server, which shows one only when its TLS handshake is over:
so those that never finish are counted and make room like all others that were not let in yet.
"""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from whale.gateway.unauthenticated import Unauthenticated
from whale.model.limits import HANDSHAKE_TIMEOUT

BACKLOG: Final = 1024

PAUSE: Final = 1.0
"""Seconds until the next attempt to accept when there are no descriptors left, or no memory."""

_log = structlog.get_logger("whale.gateway")


class DoorSite(web.BaseSite):
    """Listens for a runner, which stops it; clients wait until they are let in by `accepting`.

    Raises `OSError` at `start` where the address can't be had.
    """

    def __init__(
        self,
        runner: web.AppRunner,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        unauthenticated: Unauthenticated,
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._address = (host, port)
        self._unauthenticated = unauthenticated
        self._sockets: list[socket.socket] = []

    @property
    def name(self) -> str:
        """The address as the settings have it."""
        host, port = self._address
        return f"{'https' if self._ssl_context else 'http'}://{host}:{port}"

    async def start(self) -> None:
        """Begin to listen."""
        await super().start()
        server = self._runner.server
        assert server is not None
        _watch(server, self._unauthenticated)
        self._sockets = await _listen(*self._address)
        self._server = _Sockets(self._sockets)  # type: ignore[assignment]

    @contextlib.asynccontextmanager
    async def accepting(self) -> AsyncIterator[None]:
        """Let clients in, in the block; those whose handshake is not over when it ends are cut."""
        async with asyncio.TaskGroup() as tasks:
            accepting = tasks.create_task(self._accept_all(), name="accept")
            try:
                yield
            finally:
                accepting.cancel()

    async def _accept_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for listening in self._sockets:
                tasks.create_task(self._accept(listening, tasks), name="accept")

    async def _accept(self, listening: socket.socket, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except ConnectionAbortedError:
                continue  # by a client that had to wait
            except OSError as error:
                _log.error("door.not_accepted", detail=str(error))
                await asyncio.sleep(PAUSE)
                continue
            tasks.create_task(self._begin(connection, address[0]), name="handshake")
            await asyncio.sleep(0)  # who comes in crowds does not keep those from their turns who are there

    async def _begin(self, connection: socket.socket, address: str) -> None:
        """Have the handshake made, and leave the connection to the framework."""
        server, handshake = self._runner.server, asyncio.current_task()
        assert server is not None
        assert handshake is not None
        handler = server()
        self._unauthenticated.made(handler, _Handshake(handshake), address=address)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: handler,
                connection,
                ssl=self._ssl_context,
                # Its own default is a minute.
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT if self._ssl_context is not None else None,
            )
        except Exception as error:  # noqa: BLE001 - whatever a client makes it fail with ends this connection alone
            self._unauthenticated.over(handler)
            _log.debug("door.no_handshake", address=address, detail=repr(error))
        except asyncio.CancelledError:
            self._unauthenticated.over(handler)
            raise


class _Handshake:
    """What of a connection can be cut before there is a transport."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def abort(self) -> None:
        self._task.cancel()


class _Sockets:
    """What the framework asks its servers for: where they listen, and to stop."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets

    def close(self) -> None:
        for each in self.sockets:
            each.close()
        self.sockets = []


async def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen at every address that a name has and this machine, too: `localhost` may have one that it has not."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    with contextlib.ExitStack() as stack:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                made = stack.enter_context(socket.create_server(address, family=family, backlog=BACKLOG))
            except OSError as error:
                if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
                failure = error
                continue
            made.setblocking(False)
            sockets.append(made)
        if not sockets:
            raise failure
        stack.pop_all()
    return sockets


def _watch(server: web.Server, unauthenticated: Unauthenticated) -> None:
    """Be told of connections: the framework tells its server, and has no other place to ask."""
    made, lost = server.connection_made, server.connection_lost

    def connection_made(handler: RequestHandler, transport: asyncio.Transport) -> None:
        made(handler, transport)
        peer = transport.get_extra_info("peername")
        unauthenticated.made(handler, transport, address=peer[0] if peer else "")

    def connection_lost(handler: RequestHandler, exc: BaseException | None = None) -> None:
        unauthenticated.over(handler)
        lost(handler, exc)

    server.connection_made = connection_made  # type: ignore[method-assign]
    server.connection_lost = connection_lost  # type: ignore[method-assign]
