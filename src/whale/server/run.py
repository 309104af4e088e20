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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import structlog
import uvloop
from aiohttp import web

from whale import __version__
from whale.access.authenticator import Authenticator
from whale.audit.event import Kind
from whale.audit.pump import Pump
from whale.audit.recorder import Recorder
from whale.broker.broker import Broker
from whale.broker.review import Review
from whale.broker.revocation import Revocation
from whale.broker.sessions import SessionBroker
from whale.broker.trail import Trail
from whale.engine.seam import Engine
from whale.model.errors import EngineUnavailable
from whale.screen.screens import shut_down, unavailable
from whale.server.audit import note_unseen
from whale.server.audit_sinks import finish, let_go_of_files, make_pumps, make_retention, pumping
from whale.server.config_model import Config
from whale.server.door import ServerDoor
from whale.server.engine import opened_engine
from whale.server.identity import server_id
from whale.server.logs import configure_logging
from whale.server.metrics import AuditCollector, DoorCollector, PolicyCollector, TlsCollector, metrics_renderer
from whale.server.policy import ServerPolicy
from whale.server.reload import reloading
from whale.server.service_manager import told_manager
from whale.server.sessions import running_sessions, stop_sessions
from whale.server.signals import Signals
from whale.server.state_lock import hold_state_dir
from whale.server.tls import Change, ServerTls
from whale.session.registry import Registry
from whale.session.session import Session
from whale.store.audit import AuditTable
from whale.store.database import Database
from whale.store.tokens import TokenTable

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
        who = Authenticator(tokens)
        door = ServerDoor(config)
        broker = Broker(
            engine=engine,
            authenticator=who,
            policy=policy.live,
            trail=trail,
            audit=audit,
            attempts=door.attempts,
        )
        sessions = SessionBroker(engine=engine, policy=policy.live, registry=registry, trail=trail)
        tls = ServerTls.open(config)
        collectors = (PolicyCollector(policy), AuditCollector(recorder, pumps), DoorCollector(door), TlsCollector(tls))
        runner, site = await door.open(
            broker,
            sessions,
            tls=tls.context if tls is not None else None,
            render_metrics=metrics_renderer(registry, *collectors),
            is_stopping=lambda: registry.is_stopping,
        )
        stack.push_async_callback(runner.cleanup)
        trail.server(Kind.STARTED)
        await _announce(
            config,
            engine,
            runner,
            registry,
            [*policy.announcement(), *door.announcement()],
            first_start=not await tokens.list(),
            state_dir_origin=state_dir_origin,
        )
        registry.spawn(_say_without_pictures(), name="emulators")
        revocation = Revocation(tokens, registry, broker.readers, Review(policy.live, registry, trail), trail=trail)
        async with (
            revocation.watching(),
            policy.watching(revocation.look_now),
            _certificates(tls, trail),
            reloading(signals, *_reload_steps(tls, pumps)),
        ):
            with told_manager(os.environ):
                await signals.stop.wait()
            trail.server(Kind.STOPPED)
            await site.stop()
            kept = await stop_sessions(registry, signals, grace=config.shutdown.grace, policy=config.end_policy)
        if kept:
            _say(f"{kept} sessions go on, and the next server has them; `whale-server stop --sessions` ends them")


@contextlib.asynccontextmanager
async def _certificates(tls: ServerTls | None, trail: Trail) -> AsyncIterator[None]:
    """Keep the certificate fresh, and note what became of new ones."""
    if tls is None:
        yield
        return

    def changed(change: Change) -> None:
        kind = Kind.CERTIFICATE_REFUSED if change.problem else Kind.CERTIFICATE_LOADED
        trail.certificate(kind, fingerprint=change.fingerprint, reason=change.problem)

    async with tls.watching(changed):
        yield


def _reload_steps(tls: ServerTls | None, pumps: Sequence[Pump]) -> Iterator[Callable[[], Awaitable[None]]]:
    """What SIGHUP does. Policies need none: their directory is looked at all the time."""
    yield lambda: let_go_of_files(pumps)
    if tls is not None:
        yield tls.look_now


async def _say_without_pictures() -> None:
    """Have the emulators' process started while clients are served already, and say why there is none."""
    if reason := await asyncio.to_thread(unavailable):
        _say(f"terminals are not painted anew for those who come back late: {reason}")


async def _announce(
    config: Config,
    engine: Engine,
    runner: web.AppRunner,
    registry: Registry,
    more: Sequence[str],
    *,
    first_start: bool,
    state_dir_origin: str,
) -> None:
    """Tell the operator, in plain words on stderr, where it listens and how to log in the first time."""
    scheme = "https" if config.tls.is_on else "http"
    host, port = runner.addresses[0][:2]
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    lines = [f"whale-server {__version__} listening on {url}"]
    link = _login_link(config, port)
    try:
        info = await engine.info()
        lines.append(f"engine {info.name}: {info.kind} {info.version}")
    except EngineUnavailable as error:
        lines.append(f"engine {engine.name}: {error.message}; whale-server goes on and tries again at each request")
    lines += more
    keeper = registry.shelf.keeper
    if keeper.kind == "none":
        lines.append(f"sessions end with this server: {keeper.reason}")
    if registry.live:
        lines.append(f"{registry.live} sessions of the last server go on")
    if first_start:
        state_dir = "" if state_dir_origin == "default" else f"--state-dir {config.state_dir} "
        lines.append(f"no tokens yet; make the first one: whale-server {state_dir}token create NAME")
        lines.append(f"then log in with it:           whale login {link or url}")
    elif link:
        lines.append(f"log in with:                   whale login {link}")
    _say("\n".join(lines))


def _login_link(config: Config, port: int) -> str:
    """What clients pin the server's own authority with; empty where there is none."""
    if not config.tls.own_ca:
        return ""
    from whale.server.own_certificate import login_link

    return login_link(config, port)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _raise_open_files() -> None:
    """Use as many descriptors as the system allows: a session takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
