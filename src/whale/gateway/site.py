"""The listening socket: TLS with a deadline for its handshake, and an eye on connections that ask for nothing."""

import asyncio
import ssl

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from whale.gateway.unauthenticated import Unauthenticated
from whale.model.limits import HANDSHAKE_TIMEOUT

BACKLOG = 1024


class DoorSite(web.BaseSite):
    """Listens for a runner, which stops it. Raises `OSError` at `start` where the address can't be had."""

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
        self._server = await asyncio.get_running_loop().create_server(
            server,
            *self._address,
            ssl=self._ssl_context,
            backlog=BACKLOG,
            # Its own default is a minute.
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if self._ssl_context is not None else None,
        )


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
