"""The composition root: builds the parts, runs them, and takes them down in order.

Start: policies, database, the lock on the state directory, engine, emulator, sessions, door. Stop, on SIGTERM or
SIGINT: take no new connections and sessions, leave the sessions that can go on to the next server, tell the clients of
the others, wait for those up to `shutdown.grace`, end what is left, close. A second signal skips the wait.
"""

import asyncio
import contextlib
import gc
import os
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

import structlog
import uvloop

from whale.audit.event import Kind
from whale.audit.pump import Pump
from whale.broker.trail import Trail
from whale.screen.screens import unavailable
from whale.server.announcement import announcement, is_first_start
from whale.server.audit_sinks import let_go_of_files
from whale.server.config_model import Config
from whale.server.door import ServerDoor
from whale.server.logs import configure_logging
from whale.server.metrics import AuditCollector, DoorCollector, PolicyCollector, TlsCollector, metrics_renderer
from whale.server.parts import Parts, opened_parts
from whale.server.recording_parts import RecordingCollector
from whale.server.reload import reloading
from whale.server.service_manager import told_manager
from whale.server.sessions import stop_sessions
from whale.server.signals import Signals
from whale.server.tls import Change, ServerTls

_log = structlog.get_logger("whale.server")

_BETWEEN_FULL: Final = 30
"""Collections of the middle generation for each full one; Python has 10."""


def run(config: Config, origins: Mapping[str, str], reread: Callable[[], Config]) -> int:
    """Run the server until a signal ends it; return the exit status. Raises `WhaleError` when it can't start.

    `reread` loads the settings again, of which only some can change while a server runs.
    """
    configure_logging(config.log.level, config.log.format)
    _raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, reread, state_dir_origin=origins.get("state_dir", ""), listening=_freeze_memory))
    return 0


async def _serve(
    config: Config,
    reread: Callable[[], Config],
    *,
    state_dir_origin: str,
    listening: Callable[[], object] | None = None,
) -> None:
    signals = Signals()
    signals.install()
    door = ServerDoor(config)
    async with opened_parts(config, door.attempts) as parts:
        registry, trail, policy, pumps = parts.registry, parts.audit.trail, parts.policy, parts.audit.pumps
        tls = ServerTls.open(config)
        collectors = (
            PolicyCollector(policy),
            AuditCollector(parts.audit.recorder, pumps),
            DoorCollector(door),
            TlsCollector(tls),
            RecordingCollector(parts.recording),
        )
        runner, site = await door.open(
            parts, tls=tls.context if tls is not None else None, render_metrics=metrics_renderer(registry, *collectors)
        )
        try:
            trail.server(Kind.STARTED)
            trail.policies_loaded(len(policy.live.rules.policies))
            host, port = runner.addresses[0][:2]
            said = await announcement(
                config,
                parts.engine,
                registry,
                address=(host, port),
                more=[*policy.announcement(), *door.announcement()],
                first_start=await is_first_start(config, parts.database),
                state_dir_origin=state_dir_origin,
            )
            _say(said)
            if listening is not None:
                listening()
            registry.spawn(_say_without_pictures(), name="emulators")
            async with (
                parts.revocation.watching(),
                policy.watching(parts.revocation.look_now, trail),
                _certificates(tls, trail),
                reloading(signals, *_reload_steps(tls, pumps), lambda: _reload_federation(parts, reread)),
            ):
                async with site.accepting():
                    with told_manager(os.environ):
                        await signals.stop.wait()
                trail.server(Kind.STOPPED)
                await site.stop()
                kept = await stop_sessions(registry, signals, grace=config.shutdown.grace, policy=config.end_policy)
        finally:
            await runner.cleanup()
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


async def _reload_federation(parts: Parts, reread: Callable[[], Config]) -> None:
    """The one part of the settings that is read again: a rule that is taken out has to count at once."""
    await parts.federation.reload(lambda: reread().federation, parts.revocation.look_now)


async def _say_without_pictures() -> None:
    """Have the emulators' process started while clients are served already, and say why there is none."""
    if reason := await asyncio.to_thread(unavailable):
        _say(f"terminals are not painted anew for those who come back late: {reason}")


def _freeze_memory() -> None:
    """Leave what stays for ever out of all full collections, which look at everything and stop all shells meanwhile.

    That took 89 ms of processor time, and takes 4 (ARCHITECTURE.md). Lists of thousands called for two in a second, so
    it is done a third as often, too. Call it once, when all is imported.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _BETWEEN_FULL)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _raise_open_files() -> None:
    """Use as many descriptors as the system allows: a session takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
