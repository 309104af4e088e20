"""The sessions of a server: those that an earlier one left, and what becomes of them when this one stops."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path

import structlog

from whale.engine.seam import EndPolicy, Engine
from whale.keeper.open import open_keeper
from whale.keeper.seam import Keeper, NoKeeper
from whale.model.errors import WhaleError
from whale.server.config_model import Config
from whale.server.signals import Signals
from whale.session.observer import NO_OBSERVER, Observer
from whale.session.recordings import Recordings
from whale.session.registry import Registry

END_MARGIN = 5.0
"""Seconds beyond the end policy that ending all sessions may take before the server leaves anyway."""

_log = structlog.get_logger("whale.server")


@contextlib.asynccontextmanager
async def running_sessions(
    config: Config, engine: Engine, *, observer: Observer = NO_OBSERVER, recordings: Recordings | None = None
) -> AsyncIterator[Registry]:
    """Make the registry, with the sessions that an earlier server left; what that lost track of is ended."""
    registry = Registry(
        max_sessions=config.limits.max_sessions,
        max_principal_sessions=config.limits.max_principal_sessions,
        end=config.end_policy,
        keep=config.keep,
        keeper=_keeper(config),
        observer=observer,
        recordings=recordings,
    )
    try:
        async with registry:
            for item in registry.shelf.keeper.take_all():
                registry.adopt(engine, item)
            registry.shelf.watch()
            registry.spawn(_end_leftovers(registry, engine, config.end_policy), name="leftovers")
            yield registry
    finally:
        registry.shelf.close()


def _keeper(config: Config) -> Keeper:
    if not config.sessions.outlive_server:
        return NoKeeper("sessions.outlive_server is off")
    ttl = max(config.sessions.keep, config.sessions.keep_terminal)
    return open_keeper(Path(config.state_dir), environ=os.environ, ttl=ttl)


async def _end_leftovers(registry: Registry, engine: Engine, policy: EndPolicy) -> None:
    """End what a server that was killed had started and nobody kept."""
    try:
        ended = await engine.end_leftovers(registry.ids(), policy)
    except WhaleError as error:
        _log.warning("leftovers.not_ended", error=str(error))
    else:
        if ended:
            _log.info("leftovers.ended", sessions=ended)


async def stop_sessions(registry: Registry, signals: Signals, *, grace: float, policy: EndPolicy) -> int:
    """Leave what can go on to the next server, unless it is to end; end the rest. Returns how many go on.

    Tells the clients of the rest, waits up to `grace` seconds for them, and ends what is left then.
    """
    kept = 0 if signals.ends_sessions else registry.abandon()
    _log.info("server.stopping", sessions=len(registry), kept=kept, grace=grace)
    registry.stop_accepting(message=f"the server stops, in {grace:g} s at the latest")
    await _first_of(registry.wait_empty(), signals.force.wait(), limit=0 if signals.ends_sessions else grace)
    registry.end_all(at_once=signals.force.is_set())
    if not await _first_of(registry.wait_empty(), limit=policy.hup + policy.term + policy.kill + END_MARGIN):
        _log.error("server.sessions_left", sessions=len(registry))
    _log.info("server.stopped", kept=kept)
    return kept


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
