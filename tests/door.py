"""A real door on port 0, in the test's own process: database, authenticator, broker, registry, HTTP and WebSocket."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from tests.recordings import MemoryShelf, recording
from whale.access.attempts import Attempts
from whale.access.authenticator import Authenticator
from whale.access.federation.live import LiveFederation
from whale.access.oidc.provider import Provider
from whale.access.tokens import create_token
from whale.audit.recorder import Recorder
from whale.broker.approvals import Approvals
from whale.broker.broker import Broker
from whale.broker.device import DeviceLogins
from whale.broker.exchange import Exchange
from whale.broker.logins import Logins
from whale.broker.recordings import Recordings
from whale.broker.removal import Removal
from whale.broker.sessions import SessionBroker
from whale.broker.trail import Trail
from whale.engine.seam import EndPolicy, Engine
from whale.gateway.app import create_app
from whale.gateway.client_address import ClientAddresses
from whale.gateway.context import Context
from whale.gateway.site import DoorSite
from whale.gateway.unauthenticated import ConnectionLimits, Unauthenticated
from whale.model.ids import SessionId
from whale.model.limits import MAX_SESSIONS
from whale.model.network import is_loopback
from whale.model.principal import Scope
from whale.model.recordings import Recording
from whale.policy.live import LivePolicy
from whale.policy.shipped import Sharing, open_rules
from whale.server.metrics import metrics_renderer
from whale.session.registry import Registry
from whale.store.approvals import ApprovalTable
from whale.store.audit import AuditTable
from whale.store.credentials import Credentials
from whale.store.database import Database
from whale.store.federated import FederatedTokens
from whale.store.logins import LoginTable
from whale.store.recordings import RecordingTable
from whale.store.tokens import TokenRow, TokenTable
from whale.store.users import UserTable

QUICK_END = EndPolicy(hup=0.2, term=0.5, kill=2.0)


class Door(NamedTuple):
    """A running door."""

    port: int
    token: str
    registry: Registry
    tokens: TokenTable
    app: web.Application
    broker: Broker
    policy: LivePolicy
    approvals: Approvals
    recordings: Recordings
    shelf: MemoryShelf
    database: Database

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def record(self, id: str, row: Recording | None = None) -> None:
        """Put a recording where the door has them, of alice's unless a row says otherwise."""
        made = row or recording()
        await RecordingTable(self.database).insert(made._replace(id=SessionId(id)))
        self.shelf.lines[id] = [b'{"version":3}\n', b'[0.5,"o","hi"]\n']


async def add_token(
    tokens: TokenTable,
    name: str,
    *,
    expires_in: int | None = 3600,
    groups: tuple[str, ...] = (),
    scope: Scope | None = None,
) -> str:
    """Make a token and return its text."""
    made = create_token()
    now = int(time.time())
    expires = None if expires_in is None else now + expires_in
    await tokens.insert(TokenRow(made.id, name, made.digest, now, expires, groups=groups, scope=scope))
    return made.text.reveal()


@asynccontextmanager
async def open_door(
    engine: Engine,
    state_dir: Path,
    *,
    origins: frozenset[str] = frozenset(),
    allow_privileged: bool = False,
    max_sessions: int = MAX_SESSIONS,
    sessions: Sharing = "own",
    audit: bool = False,
    trusted_proxies: tuple[str, ...] = (),
    limits: ConnectionLimits | None = None,
    provider: Provider | None = None,
    federation: LiveFederation | None = None,
) -> AsyncIterator[Door]:
    """Open a door to an engine and close it, sessions and all, at the end."""
    database = await Database.open(state_dir)
    tokens = TokenTable(database)
    try:
        table = AuditTable(database)
        recorder = Recorder(table)
        trail = Trail(recorder)
        registry_ = Registry(max_sessions=max_sessions, end=QUICK_END, observer=trail)
        async with recorder.running(), registry_ as registry:
            policy = LivePolicy(open_rules(allow_privileged=allow_privileged, sessions=sessions, audit=audit))
            logins = LoginTable(database)
            attempts = Attempts(is_shared=is_loopback)
            people = Logins(logins, trail=trail, attempts=attempts)
            live = federation or LiveFederation()
            exchange = Exchange(FederatedTokens(database), live, trail=trail, attempts=attempts)
            device = None
            if provider is not None:
                device = DeviceLogins(provider, UserTable(database), people, public_url="", trail=trail)
            broker = Broker(
                engine=engine,
                authenticator=Authenticator(Credentials(tokens, logins, rules=lambda: live.fingerprints)),
                policy=policy,
                trail=trail,
                audit=table,
                attempts=attempts,
            )
            approvals = Approvals(
                ApprovalTable(database), engine=engine, policy=policy, readers=broker.readers, trail=trail
            )
            shelf = MemoryShelf()
            rows = RecordingTable(database)
            recordings = Recordings(
                rows,
                shelf,
                policy=policy,
                readers=broker.readers,
                proofs=table,
                removal=Removal(rows, shelf),
                trail=trail,
            )
            context = Context(
                broker=broker,
                sessions=SessionBroker(
                    engine=engine, policy=policy, registry=registry, approvals=approvals, trail=trail
                ),
                approvals=approvals,
                recordings=recordings,
                logins=people,
                exchange=exchange,
                device=device,
                origins=origins,
                render_metrics=metrics_renderer(registry),
                is_stopping=lambda: registry.is_stopping,
                ask_store=lambda: database.ping(),
                addresses=ClientAddresses(trusted_proxies),
                unauthenticated=Unauthenticated(limits or ConnectionLimits()),
            )
            app = create_app(context)
            runner = web.AppRunner(app, access_log=None, keepalive_timeout=5.0, shutdown_timeout=1.0)
            await runner.setup()
            site = DoorSite(runner, "127.0.0.1", 0, unauthenticated=context.unauthenticated)
            await site.start()
            if device is not None:
                device.public_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                async with site.accepting():
                    yield Door(
                        runner.addresses[0][1],
                        await add_token(tokens, "alice"),
                        registry,
                        tokens,
                        app,
                        context.broker,
                        policy,
                        approvals,
                        recordings,
                        shelf,
                        database,
                    )
            finally:
                registry.end_all()
                await runner.cleanup()
    finally:
        await database.aclose()
