"""The composition root: builds the parts, runs them, and takes them down in order.

Start: database, the lock on the state directory, engine, sessions, door. Stop, on SIGTERM or SIGINT: take no new
connections and sessions, tell the clients, wait for the sessions up to `shutdown.grace`, end what is left, close. A
second signal skips the wait.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path

import structlog
import uvloop
from aiohttp import web

from whale import __version__
from whale.access.authenticator import Authenticator
from whale.access.policy import DefaultPolicy
from whale.broker.broker import Broker
from whale.broker.sessions import SessionBroker
from whale.engine.docker.discover import FoundEngine, find_engines
from whale.engine.docker.tls import TlsFiles, client_tls
from whale.engine.open import open_engine
from whale.engine.seam import EndPolicy, Engine
from whale.gateway.app import create_app
from whale.gateway.context import Context
from whale.model.errors import ConfigError, EngineUnavailable
from whale.model.limits import HANDSHAKE_TIMEOUT
from whale.server.config_model import Config
from whale.server.logs import configure_logging
from whale.server.metrics import metrics_renderer
from whale.server.state_lock import hold_state_dir
from whale.server.tls import server_context
from whale.session.registry import Registry
from whale.store.database import Database
from whale.store.tokens import TokenTable

END_MARGIN = 5.0
"""Seconds beyond the end policy that ending all sessions may take before the server leaves anyway."""

_log = structlog.get_logger("whale.server")


def run(config: Config, origins: Mapping[str, str]) -> int:
    """Run the server until a signal ends it; return the exit status. Raises `WhaleError` when it can't start."""
    configure_logging(config.log.level, config.log.format)
    _raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, state_dir_origin=origins.get("state_dir", "")))
    return 0


class Signals:
    """Counts requests to stop."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.force = asyncio.Event()

    def install(self) -> None:
        """Take over SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.received)

    def received(self) -> None:
        """Note one signal: the first stops, the second forces."""
        if self.stop.is_set():
            self.force.set()
        self.stop.set()


async def _serve(config: Config, *, state_dir_origin: str) -> None:
    signals = Signals()
    signals.install()
    async with contextlib.AsyncExitStack() as stack:
        database = await Database.open(Path(config.state_dir))
        stack.push_async_callback(database.aclose)
        await stack.enter_async_context(hold_state_dir(Path(config.state_dir)))
        tokens = TokenTable(database)
        engine = await stack.enter_async_context(_engine(config))
        registry = Registry(max_sessions=config.limits.max_sessions, end=config.end_policy, keep=config.keep)
        await stack.enter_async_context(registry)
        runner = _door(config, engine, tokens, registry)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(
            runner, config.address.host, config.address.port, ssl_context=server_context(config.tls), backlog=1024
        )
        await _listen(site, config)
        await _announce(config, engine, runner, first_start=not await tokens.list(), state_dir_origin=state_dir_origin)
        await signals.stop.wait()
        await site.stop()
        await _end_sessions(registry, signals, grace=config.shutdown.grace, policy=config.end_policy)


@contextlib.asynccontextmanager
async def _engine(config: Config) -> AsyncIterator[Engine]:
    found = _choose_engine(config, os.environ, Path.home())
    tls = client_tls(found.tls) if found.tls is not None else None
    engine = open_engine(found.url, name=config.engine.name, tls=tls)
    _log.info("engine.chosen", url=found.url, origin=found.origin)
    try:
        yield engine
    finally:
        await engine.aclose()


def _choose_engine(config: Config, environ: Mapping[str, str], home: Path) -> FoundEngine:
    """Take the engine of the settings, else the first one that the docker command would find."""
    given = config.engine
    if given.url:
        ca, cert, key = (Path(file) if file else None for file in (given.tls_ca, given.tls_cert, given.tls_key))
        return FoundEngine(given.url, "engine.url", TlsFiles(ca, cert, key) if ca or cert else None)
    found = find_engines(environ, home)
    if not found:
        raise ConfigError(
            "engine.url: no container engine was found",
            path="engine.url",
            hint="start Docker or Podman, or name one: --engine unix:///path/to/docker.sock",
        )
    return found[0]


def _door(config: Config, engine: Engine, tokens: TokenTable, registry: Registry) -> web.AppRunner:
    policy = DefaultPolicy(allow_privileged=config.policy.allow_privileged, sessions=config.policy.sessions)
    context = Context(
        broker=Broker(engine=engine, authenticator=Authenticator(tokens), policy=policy),
        sessions=SessionBroker(engine=engine, policy=policy, registry=registry),
        origins=frozenset(config.origins),
        render_metrics=metrics_renderer(registry),
        is_stopping=lambda: registry.is_stopping,
    )
    # The framework's keep-alive time also bounds how long a client may take for the head of its request.
    return web.AppRunner(
        create_app(context), access_log=None, keepalive_timeout=HANDSHAKE_TIMEOUT, shutdown_timeout=1.0
    )


async def _listen(site: web.TCPSite, config: Config) -> None:
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(
            f"listen: can't listen on {config.listen}: {os.strerror(error.errno) if error.errno else error}",
            path="listen",
            hint="another server may be running there; choose another port with --listen",
        ) from error


async def _announce(
    config: Config, engine: Engine, runner: web.AppRunner, *, first_start: bool, state_dir_origin: str
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
    if first_start:
        state_dir = "" if state_dir_origin == "default" else f"--state-dir {config.state_dir} "
        lines.append(f"no tokens yet; make the first one: whale-server {state_dir}token create NAME")
        lines.append(f"then log in with it:           whale login {url}")
    print("\n".join(lines), file=sys.stderr, flush=True)


async def _end_sessions(registry: Registry, signals: Signals, *, grace: float, policy: EndPolicy) -> None:
    """Tell the clients, wait for the sessions up to `grace` seconds, end what is left."""
    _log.info("server.stopping", sessions=len(registry), grace=grace)
    registry.stop_accepting(message=f"the server stops, in {grace:g} s at the latest")
    await _first_of(registry.wait_empty(), signals.force.wait(), limit=grace)
    registry.end_all(at_once=signals.force.is_set())
    if not await _first_of(registry.wait_empty(), limit=policy.hup + policy.term + policy.kill + END_MARGIN):
        _log.error("server.sessions_left", sessions=len(registry))
    _log.info("server.stopped")


async def _first_of(*waits: Coroutine[object, object, object], limit: float) -> bool:
    """Wait until the first of them is done, or the limit in seconds is over; False for the latter."""
    done = asyncio.Event()

    async def one(wait: Coroutine[object, object, object]) -> None:
        await wait
        done.set()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(wait)) for wait in waits]
        try:
            async with asyncio.timeout(limit):
                await done.wait()
        except TimeoutError:
            pass
        for task in tasks:
            task.cancel()
    return done.is_set()


def _raise_open_files() -> None:
    """Use as many descriptors as the system allows: a session takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
