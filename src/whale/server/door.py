"""The door as the settings have it: its limits, whom it believes, and where it listens."""

import os
import ssl
from collections.abc import Callable

from aiohttp import web

from whale.access.attempts import AttemptLimits, Attempts
from whale.gateway.app import create_app
from whale.gateway.client_address import ClientAddresses
from whale.gateway.context import Context
from whale.gateway.site import DoorSite
from whale.gateway.unauthenticated import ConnectionLimits, Unauthenticated
from whale.model.errors import ConfigError
from whale.model.limits import HANDSHAKE_TIMEOUT
from whale.model.network import is_loopback
from whale.server.config_model import Config
from whale.server.parts import Parts
from whale.server.users import page_url


class ServerDoor:
    """One per server. `open` it when there is a broker behind it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._addresses = ClientAddresses(config.trusted_proxies, header=config.forwarded_header)
        limits = config.limits
        self.attempts = Attempts(AttemptLimits(limits.auth_failures, limits.auth_lockout), is_shared=self._is_shared)
        self.unauthenticated = Unauthenticated(
            ConnectionLimits(limits.unauthenticated, limits.unauthenticated_per_address), is_shared=self._is_shared
        )

    def _is_shared(self, address: str) -> bool:
        """True where an address says nothing of who it is: this machine, and a proxy that names nobody."""
        names_nobody = self._config.tls.behind_proxy and not self._config.trusted_proxies
        return names_nobody or is_loopback(address) or self._addresses.is_trusted(address)

    async def open(
        self, parts: Parts, *, tls: ssl.SSLContext | None, render_metrics: Callable[[], bytes]
    ) -> tuple[web.AppRunner, DoorSite]:
        """Listen. The caller stops the site and cleans the runner up. Raises `ConfigError`."""
        registry = parts.registry
        context = Context(
            broker=parts.broker,
            sessions=parts.sessions,
            logins=parts.logins,
            exchange=parts.exchange,
            device=parts.device,
            approvals=parts.approvals,
            recordings=parts.recordings,
            origins=frozenset(self._config.origins),
            render_metrics=render_metrics,
            is_stopping=lambda: registry.is_stopping,
            ask_store=parts.database.ping,
            addresses=self._addresses,
            unauthenticated=self.unauthenticated,
        )
        # The framework's keep-alive time also bounds how long a client may take for the head of its request.
        runner = web.AppRunner(
            create_app(context), access_log=None, keepalive_timeout=HANDSHAKE_TIMEOUT, shutdown_timeout=1.0
        )
        await runner.setup()
        host, port = self._config.address
        site = DoorSite(runner, host, port, tls=tls, unauthenticated=self.unauthenticated)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(
                f"listen: can't listen on {self._config.listen}: {os.strerror(error.errno) if error.errno else error}",
                path="listen",
                hint="another server may be running there; choose another port with --listen",
            ) from error
        if parts.device is not None and not self._config.public_url:
            parts.device.public_url = page_url(self._config, port=runner.addresses[0][1])
        return runner, site

    def announcement(self) -> list[str]:
        """Tell the operator what a setting that is missing costs."""
        if self._config.tls.behind_proxy and not self._config.trusted_proxies:
            return ["every client has the proxy's address: set trusted_proxies to have theirs, and limits for each"]
        return []
