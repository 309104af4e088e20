"""The composition root: builds the parts, runs them, and takes them down in order.

Start: policies, database, the lock on the state directory, engine, emulator, sessions, door. Stop, on SIGTERM or
SIGINT: take no new connections and sessions, leave the sessions that can go on to the next server, tell the clients of
the others, wait for those up to `shutdown.grace`, end what is left, close. A second signal skips the wait.
"""

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import structlog
import uvloop
from aiohttp import web
from prometheus_client.registry import Collector

from whale import __version__
from whale.access.authenticator import Authenticator
from whale.audit.event import Kind
from whale.audit.recorder import Recorder
from whale.broker.broker import Broker
from whale.broker.device import DeviceLogins
from whale.broker.logins import Logins
from whale.broker.review import Review
from whale.broker.revocation import Revocation
from whale.broker.sessions import SessionBroker
from whale.broker.trail import Trail
from whale.engine.seam import Engine
from whale.gateway.app import create_app
from whale.gateway.context import Context
from whale.model.errors import ConfigError, EngineUnavailable
from whale.model.limits import HANDSHAKE_TIMEOUT
from whale.screen.screens import shut_down, unavailable
from whale.server.audit import note_unseen
from whale.server.audit_sinks import finish, make_pumps, make_retention, pumping
from whale.server.config_model import Config
from whale.server.engine import opened_engine
from whale.server.identity import server_id
from whale.server.logs import configure_logging
from whale.server.metrics import AuditCollector, PolicyCollector, metrics_renderer
from whale.server.oidc import opened_provider
from whale.server.policy import ServerPolicy
from whale.server.service_manager import told_manager
from whale.server.sessions import running_sessions, stop_sessions
from whale.server.signals import Signals
from whale.server.state_lock import hold_state_dir
from whale.server.tls import server_context
from whale.server.users import login_url
from whale.session.registry import Registry
from whale.session.session import Session
from whale.store.audit import AuditTable
from whale.store.credentials import Credentials
from whale.store.database import Database
from whale.store.logins import LoginTable
from whale.store.tokens import TokenTable
from whale.store.users import UserTable

_log = structlog.get_logger("whale.server")


def run(config: Config, origins: Mapping[str, str]) -> int:
    """Run the server until a signal ends it; return the exit status. Raises `WhaleError` when it can't start."""
    configure_logging(config.log.level, config.log.format)
    _raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, state_dir_origin=origins.get("state_dir", "")))
    return 0


async def _serve(config: Config, *, state_dir_origin: str) -> None:
    signals = Signals()
    signals.install()
    async with contextlib.AsyncExitStack() as stack:
        policy = await ServerPolicy.open(config)
        database = await Database.open(Path(config.state_dir))
        stack.push_async_callback(database.aclose)
        await stack.enter_async_context(hold_state_dir(Path(config.state_dir)))
        tokens = TokenTable(database)
        engine = await stack.enter_async_context(opened_engine(config, server=server_id(Path(config.state_dir))))
        stack.callback(shut_down)
        audit = AuditTable(database)
        recorder = Recorder(audit, on_failure=config.audit.on_failure)
        pumps = make_pumps(config.audit, audit, recorder)
        stack.push_async_callback(finish, pumps)  # when all is written
        await stack.enter_async_context(recorder.running())
        await stack.enter_async_context(pumping(pumps, make_retention(config.audit, audit, pumps)))
        trail = Trail(recorder)
        through = (await audit.newest()).seq
        registry = await stack.enter_async_context(running_sessions(config, engine, observer=trail))
        left: dict[str, Session | None] = {
            session.id: session if session.is_over else None for session in registry.sessions()
        }
        registry.spawn(note_unseen(audit, trail, left=left, through=through), name="ends that nobody saw")
        logins = LoginTable(database)
        credentials = Credentials(tokens, logins)
        who = Authenticator(credentials)
        broker = Broker(engine=engine, authenticator=who, policy=policy.live, trail=trail, audit=audit)
        sessions = SessionBroker(engine=engine, policy=policy.live, registry=registry, trail=trail)
        collectors = (PolicyCollector(policy), AuditCollector(recorder, pumps))
        people = Logins(logins, trail=trail)
        device = await stack.enter_async_context(_device(config, UserTable(database), people, trail))
        runner = _door(config, broker, sessions, people, device, registry, *collectors)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = await _listen(runner, config)
        if device is not None and not config.public_url:
            device.public_url = login_url(config, port=runner.addresses[0][1])
        trail.server(Kind.STARTED)
        await _announce(
            config,
            engine,
            runner,
            registry,
            policy,
            first_start=not await tokens.list() and not await UserTable(database).list(),
            state_dir_origin=state_dir_origin,
        )
        registry.spawn(_say_without_pictures(), name="emulators")
        revocation = Revocation(
            credentials, registry, broker.readers, Review(policy.live, registry, trail), trail=trail
        )
        async with revocation.watching(), policy.watching(revocation.look_now):
            with told_manager(os.environ):
                await signals.stop.wait()
            trail.server(Kind.STOPPED)
            await site.stop()
            kept = await stop_sessions(registry, signals, grace=config.shutdown.grace, policy=config.end_policy)
        if kept:
            _say(f"{kept} sessions go on, and the next server has them; `whale-server stop --sessions` ends them")


def _door(
    config: Config,
    broker: Broker,
    sessions: SessionBroker,
    logins: Logins,
    device: DeviceLogins | None,
    registry: Registry,
    *collectors: Collector,
) -> web.AppRunner:
    context = Context(
        broker=broker,
        sessions=sessions,
        logins=logins,
        device=device,
        origins=frozenset(config.origins),
        render_metrics=metrics_renderer(registry, *collectors),
        is_stopping=lambda: registry.is_stopping,
    )
    # The framework's keep-alive time also bounds how long a client may take for the head of its request.
    return web.AppRunner(
        create_app(context), access_log=None, keepalive_timeout=HANDSHAKE_TIMEOUT, shutdown_timeout=1.0
    )


@contextlib.asynccontextmanager
async def _device(config: Config, users: UserTable, logins: Logins, trail: Trail) -> AsyncIterator[DeviceLogins | None]:
    if not config.oidc.issuer:
        yield None
        return
    async with opened_provider(config.oidc) as provider:
        yield DeviceLogins(provider, users, logins, public_url=config.public_url, trail=trail)


async def _say_without_pictures() -> None:
    """Have the emulators' process started while clients are served already, and say why there is none."""
    if reason := await asyncio.to_thread(unavailable):
        _say(f"terminals are not painted anew for those who come back late: {reason}")


async def _listen(runner: web.AppRunner, config: Config) -> web.TCPSite:
    site = web.TCPSite(
        runner, config.address.host, config.address.port, ssl_context=server_context(config.tls), backlog=1024
    )
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(
            f"listen: can't listen on {config.listen}: {os.strerror(error.errno) if error.errno else error}",
            path="listen",
            hint="another server may be running there; choose another port with --listen",
        ) from error
    return site


async def _announce(
    config: Config,
    engine: Engine,
    runner: web.AppRunner,
    registry: Registry,
    policy: ServerPolicy,
    *,
    first_start: bool,
    state_dir_origin: str,
) -> None:
    """Tell the operator, in plain words on stderr, where it listens and how to log in the first time."""
    scheme = "https" if config.tls.cert else "http"
    host, port = runner.addresses[0][:2]
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    lines = [f"whale-server {__version__} listening on {url}"]
    try:
        info = await engine.info()
        lines.append(f"engine {info.name}: {info.kind} {info.version}")
    except EngineUnavailable as error:
        lines.append(f"engine {engine.name}: {error.message}; whale-server goes on and tries again at each request")
    lines += policy.announcement()
    keeper = registry.shelf.keeper
    if keeper.kind == "none":
        lines.append(f"sessions end with this server: {keeper.reason}")
    if registry.live:
        lines.append(f"{registry.live} sessions of the last server go on")
    if first_start:
        state_dir = "" if state_dir_origin == "default" else f"--state-dir {config.state_dir} "
        lines.append(f"nobody may log in yet; this prints how: whale-server {state_dir}user add NAME")
    _say("\n".join(lines))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _raise_open_files() -> None:
    """Use as many descriptors as the system allows: a session takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
